-- name: shifts
-- The shift that was on at a moment or was the last before it, the one before and the one after, by
-- the calendar that the machine worked by at the time.
with stands as (
    select v.calendar_id, v.valid_from as since,
           lead(v.valid_from, 1, 'infinity') over (order by v.valid_from) as until
    from machine_calendar v
    join machine on machine.id = v.machine_id
    where machine.code = %(machine)s
), shift as (
    select s.code, s.name, s.day, greatest(s.t0, stands.since) as t0, least(s.t1, stands.until) as t1
    from stands
    join shift_instance s on s.calendar_id = stands.calendar_id
        and s.t1 > stands.since and s.t0 < stands.until
    where s.t0 > %(at)s - interval '60 days' and s.t0 < %(at)s + interval '60 days'
), near as (
    (select * from shift where t0 <= %(at)s order by t0 desc limit 2)
    union all
    (select * from shift where t0 > %(at)s order by t0 limit 1)
)
select * from near order by t0

-- name: day
-- Where the shifts of a production day begin and end, by the calendar of a machine at a moment.
select min(s.t0), max(s.t1)
from shift_instance s
where s.day = %(day)s and s.calendar_id = (
    select v.calendar_id from machine_calendar v
    join machine on machine.id = v.machine_id
    where machine.code = %(machine)s and v.valid_from <= %(at)s
    order by v.valid_from desc limit 1
)

-- name: slices
-- What the calendars of a machine say of [t0, t1), each while it held.
select greatest(c.t0, v.since, %(t0)s), least(c.t1, v.until, %(t1)s), c.kind
from (
    select v.calendar_id, v.valid_from as since,
           lead(v.valid_from, 1, 'infinity') over (order by v.valid_from) as until
    from machine_calendar v
    join machine on machine.id = v.machine_id
    where machine.code = %(machine)s
) v
join calendar_slice c on c.calendar_id = v.calendar_id and c.t1 > v.since and c.t0 < v.until
where c.t1 > %(t0)s and c.t0 < %(t1)s and c.t0 > %(t0)s::timestamptz - interval '2 days'
order by 1

-- name: parts
-- Facts by hour, machine, order and ideal cycle: quarters of an hour where an hour is made of whole
-- ones, minutes at its edges. Of a line: of the machines that stood on it then.
with wanted as (
    select m.id as machine_id, greatest(v.valid_from, '-infinity') as since,
           lead(v.valid_from, 1, 'infinity') over (partition by m.id order by v.valid_from) as until,
           coalesce(v.line_id, m.line_id) as line_id
    from machine m
    left join machine_line v on v.machine_id = m.id
), chosen as (
    select wanted.machine_id, wanted.since, wanted.until
    from wanted
    join machine m on m.id = wanted.machine_id
    join line on line.id = wanted.line_id
    where case when %(line)s::text = '' then m.code = %(machine)s else line.code = %(line)s end
), part as (
    select h.n, q.*
    from unnest(%(quarter_n)s::integer[], %(quarter_t0)s::timestamptz[], %(quarter_t1)s::timestamptz[])
        as h (n, a, b)
    join machine_15m q on q.ts >= h.a and q.ts < h.b
    where q.ts >= %(t0)s and q.ts < %(t1)s
        and q.machine_id in (select machine_id from chosen)
    union all
    select h.n, q.*
    from unnest(%(minute_n)s::integer[], %(minute_t0)s::timestamptz[], %(minute_t1)s::timestamptz[])
        as h (n, a, b)
    join machine_1m q on q.ts >= h.a and q.ts < h.b
    where q.ts >= %(t0)s and q.ts < %(t1)s
        and q.machine_id in (select machine_id from chosen)
)
select part.n, m.code, min(part.ts), product.name, operation.order_code, cycle.seconds,
    sum(part.not_scheduled_s), sum(part.planned_stop_s), sum(part.setup_s), sum(part.running_s), sum(part.down_s),
    sum(part.idle_s), sum(part.starved_s), sum(part.blocked_s), sum(part.unknown_s),
    sum(part.good), sum(part.scrap), sum(part.rework), sum(part.ideal_s), sum(part.ideal_good_s),
    sum(part.start_up_scrap), sum(part.ideal_start_up_s), sum(part.minor_s), sum(part.minor_down_s)
from part
join chosen on chosen.machine_id = part.machine_id and part.ts >= chosen.since and part.ts < chosen.until
join machine m on m.id = part.machine_id
left join product on product.id = part.product_id
left join operation on operation.id = part.operation_id
left join lateral (
    select seconds from ideal_cycle
    where machine_id = part.machine_id and product_id = part.product_id and valid_from <= part.ts
    order by valid_from desc
    limit 1
) cycle on true
group by part.n, m.id, product.id, operation.order_code, cycle.seconds
order by part.n, min(part.ts), max(part.ts), min(operation.started_at), m.position

-- name: stops
-- Stopped seconds within planned work by hour, machine and reason, what operators said of it applied;
-- the longest first.
with work as materialized (
    select m.id as machine_id, m.code, greatest(slice.t0, %(t0)s) as t0, least(slice.t1, %(t1)s) as t1
    from machine m
    join calendar_slice slice on slice.calendar_id = m.calendar_id
        and slice.kind = 'work' and slice.t1 > %(t0)s and slice.t0 < %(t1)s
        and slice.t0 > %(t0)s::timestamptz - interval '2 days'
    where m.code = any (%(machines)s)
), stopped as materialized (
    select i.machine_id, coalesce(s.element, i.state) as element,
           case when s.machine_id is null then i.reason_id else s.reason_id end as reason_id,
           greatest(i.t0, s.t0) as t0, least(i.t1, s.t1) as t1
    from state_interval i
    left join stop_span s on s.machine_id = i.machine_id and i.state <> 'unknown'
        and s.t0 < i.t1 and coalesce(s.t1, 'infinity') > i.t0
        and s.t0 > %(t0)s::timestamptz - interval '5 days'
    where i.t0 > %(t0)s - interval '3 days' and i.t0 < %(t1)s and i.t1 > %(t0)s
        and i.machine_id in (select id from machine where code = any (%(machines)s))
        and i.state in ('setup', 'down', 'idle', 'starved', 'blocked', 'planned_stop', 'unknown')
)
select h.n, w.code, s.element::text, reason.name,
    extract(epoch from sum(least(s.t1, w.t1, h.b) - greatest(s.t0, w.t0, h.a)))::double precision
from unnest(%(n)s::integer[], %(a)s::timestamptz[], %(b)s::timestamptz[]) as h (n, a, b)
join work w on w.t0 < h.b and w.t1 > h.a
join stopped s on s.machine_id = w.machine_id and s.element <> 'planned_stop'
    and s.t0 < least(w.t1, h.b) and s.t1 > greatest(w.t0, h.a)
left join reason on reason.id = s.reason_id
group by h.n, w.code, s.element, reason.id
order by h.n, 5 desc

-- name: plans
-- Operations of a machine that were open in [t0, t1) or are due in it, by their start; what was counted
-- for them before t0, and before a shift within it.
select operation.order_code, product.name, cycle.seconds, operation.planned,
    coalesce(operation.started_at, operation.planned_start, operation.due), operation.due,
    operation.planned_start, operation.status,
    coalesce(made.before_day, 0), coalesce(made.before_shift, 0)
from operation
join machine on machine.id = operation.machine_id
left join product on product.id = operation.product_id
left join lateral (
    select seconds from ideal_cycle
    where machine_id = operation.machine_id and product_id = operation.product_id and valid_from <= %(now)s
    order by valid_from desc
    limit 1
) cycle on true
left join lateral (
    select sum(q.good) filter (where q.ts < %(t0)s) as before_day, sum(q.good) as before_shift
    from machine_15m q
    where operation.due >= %(t0)s and operation.due < %(t1)s and operation.started_at is not null
        and q.machine_id = operation.machine_id and q.operation_id = operation.id
        and q.ts > operation.started_at - interval '15 minutes' and q.ts < %(shift)s
) made on true
where machine.code = %(machine)s and operation.status <> 'cancelled'
    and coalesce(operation.started_at, operation.planned_start, operation.due) < %(t1)s
    and (operation.due >= %(t0)s or coalesce(operation.ended_at, 'infinity') > %(t0)s)
order by 5, operation.order_code
limit 200

-- name: notes
-- Every version of what was written in [t0, t1) on a line's or a machine's board, oldest first.
select n.id, n.t0, n.remark, n.countermeasure, n.is_signed, n.actor, n.at
from hour_note n
left join line on line.id = n.line_id
left join machine on machine.id = n.machine_id
where n.t0 >= %(t0)s and n.t0 < %(t1)s
    and (line.code = %(line)s or machine.code = %(machine)s)
order by n.id

-- name: lock
-- Whoever writes on one board waits for who writes on it now.
select pg_advisory_xact_lock(7228025, hashtext(%(scope)s))

-- name: by_key
select id from hour_note where key = %(key)s

-- name: add
insert into hour_note (line_id, machine_id, t0, t1, remark, countermeasure, is_signed, actor, at, based_on, key)
values (
    (select id from line where code = %(line)s), (select id from machine where code = %(machine)s),
    %(t0)s, %(t1)s, %(remark)s, %(countermeasure)s, %(is_signed)s, %(actor)s, %(at)s, %(based_on)s, %(key)s
)
returning id

-- name: notify
select pg_notify('taktboard_live', 'hour')
