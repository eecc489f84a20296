-- name: machines_now
-- What each machine says, how far it is derived, and what the calendar says of this moment.
select m.code, line.code, n.state::text, n.since, n.upto, n.stale_from, reason.name, slice.kind
from machine_now n
join machine m on m.id = n.machine_id
join line on line.id = m.line_id
join calendar_at(%(now)s) works on works.machine_id = m.id
left join reason on reason.id = n.reason_id
left join calendar_slice slice
    on slice.calendar_id = works.calendar_id and slice.t0 <= %(now)s and slice.t1 > %(now)s
order by line.position, m.position

-- name: shifts
-- The shift that most of the machines work in, and the one before it; newest first.
select code, name, t0, t1, teams
from shift_instance
where t0 <= %(now)s and calendar_id = (
    select works.calendar_id
    from machine m
    join calendar_at(%(now)s) works on works.machine_id = m.id
    where m.retired_at is null
    group by works.calendar_id order by count(*) desc, works.calendar_id limit 1
)
order by t0 desc
limit 2

-- name: present
-- When the present shift began, the production day, and when that began; of the calendar that most
-- of the machines work by.
with calendar as (
    select works.calendar_id as id
    from machine m
    join calendar_at(%(now)s) works on works.machine_id = m.id
    where m.retired_at is null and (%(machines)s::text[] is null or m.code = any (%(machines)s))
    group by works.calendar_id order by count(*) desc, works.calendar_id limit 1
), shift as (
    select s.* from shift_instance s join calendar on calendar.id = s.calendar_id
    where s.t0 <= %(now)s and s.t1 > %(now)s
), today as (
    select day, day::timestamp at time zone %(zone)s as midnight
    from (select coalesce((select day from shift), (%(now)s at time zone %(zone)s)::date) as day) d
)
select (select t0 from shift), today.day, greatest(today.midnight, (
    select max(s.t1) from shift_instance s join calendar on calendar.id = s.calendar_id
    where s.day < today.day and s.t0 <= %(now)s and s.t0 > today.midnight - interval '2 days'
))
from today

-- name: begins
-- When the present shift of every machine, and of every line, began: of the calendar that most of
-- the line's machines work by. Null: outside of every shift.
with line_calendar as (
    select distinct on (m.line_id) m.line_id, works.calendar_id
    from machine m
    join calendar_at(%(now)s) works on works.machine_id = m.id
    where m.retired_at is null
    group by m.line_id, works.calendar_id
    order by m.line_id, count(*) desc, works.calendar_id
)
select m.code, line.code, own.t0, common.t0
from machine m
join line on line.id = m.line_id
join line_calendar on line_calendar.line_id = line.id
join calendar_at(%(now)s) works on works.machine_id = m.id
left join shift_instance own
    on own.calendar_id = works.calendar_id and own.t0 <= %(now)s and own.t1 > %(now)s
left join shift_instance common
    on common.calendar_id = line_calendar.calendar_id and common.t0 <= %(now)s and common.t1 > %(now)s
where m.retired_at is null

-- name: line_teams
-- The teams that work each line's present shift, of the calendar that most of its machines work by.
with line_calendar as (
    select distinct on (m.line_id) m.line_id, works.calendar_id
    from machine m
    join calendar_at(%(now)s) works on works.machine_id = m.id
    where m.retired_at is null
    group by m.line_id, works.calendar_id
    order by m.line_id, count(*) desc, works.calendar_id
)
select line.code, s.teams
from line_calendar
join line on line.id = line_calendar.line_id
join shift_instance s
    on s.calendar_id = line_calendar.calendar_id and s.t0 <= %(now)s and s.t1 > %(now)s
where s.teams <> '{}'
order by line.position

-- name: best_cycle
-- What a machine made from t0 on, as in its fastest quarters since a moment: sustained ones, with at least
-- ten minutes of running. Each product by its own, weighed by its pieces, as the mean ideal cycle is.
with quarter as (
    select part.ts, part.product_id, sum(part.running_s) as running_s,
           sum(part.good + part.scrap) as pieces, sum(part.ideal_s) as ideal_s
    from machine_15m part
    join machine m on m.id = part.machine_id and m.code = %(machine)s
    where part.ts >= %(since)s and part.ts < %(t1)s
    group by part.ts, part.product_id
), best as (
    select product_id, percentile_cont(0.05) within group (order by running_s / pieces) as cycle_s
    from quarter where pieces > 0 and running_s >= 600
    group by product_id
), shown as (
    select product_id, sum(pieces) as pieces, sum(ideal_s) / nullif(sum(running_s), 0) as performance
    from quarter where ts > %(t0)s::timestamptz - interval '15 minutes'
    group by product_id
)
select sum(shown.pieces * best.cycle_s) / nullif(sum(shown.pieces) filter (where best.cycle_s > 0), 0),
       max(shown.performance)
from shown left join best on best.product_id = shown.product_id

-- name: intervals
-- What the machines said in [t0, t1), as far as it is derived.
select m.code, greatest(i.t0, %(t0)s), least(i.t1, %(t1)s), i.state::text, reason.name
from machine m
cross join lateral interval_since(m.id, %(t0)s) earliest
cross join lateral (
    select t0, t1, state, reason_id from state_told
    where machine_id = m.id and said_from >= earliest.since and said_from < %(t1)s and said_upto > %(t0)s
      and t1 > %(t0)s and t0 < %(t1)s
    offset 0
) i
left join reason on reason.id = i.reason_id
where m.code = any (%(machines)s)
order by m.code, i.t0
limit %(count)s

-- name: slices
-- Of the calendars by which machines worked, each while it held.
select m.code, greatest(slice.t0, works.t0), least(slice.t1, works.t1), slice.kind
from machine m
join machine_calendar_span works on works.machine_id = m.id
join calendar_slice slice
    on slice.calendar_id = works.calendar_id and slice.t0 < works.t1 and slice.t1 > works.t0
where slice.t1 > %(t0)s and slice.t0 < %(t1)s and m.code = any (%(machines)s)
order by m.code, 2
