-- name: shifts
-- The shift that was on at a moment or was the last before it, the one before and the one after, by
-- the calendar that the machine worked by at the time.
with stands as (
    select v.calendar_id, v.t0 as since, v.t1 as until
    from machine_calendar_span v
    join machine on machine.id = v.machine_id
    where machine.code = %(machine)s
), shift as (
    select s.code, s.name, s.day, greatest(s.t0, stands.since) as t0, least(s.t1, stands.until) as t1,
           s.teams
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
select greatest(c.t0, v.t0, %(t0)s), least(c.t1, v.t1, %(t1)s), c.kind
from machine_calendar_span v
join machine on machine.id = v.machine_id
join calendar_slice c on c.calendar_id = v.calendar_id and c.t1 > v.t0 and c.t0 < v.t1
where machine.code = %(machine)s and c.t1 > %(t0)s and c.t0 < %(t1)s and c.t0 > %(t0)s::timestamptz - interval '2 days'
order by 1

-- name: plans
-- Operations of a machine that were open in [t0, t1) or are due in it, by their start.
select operation.id, operation.order_code, product.name, cycle.seconds, operation.planned,
    coalesce(operation.started_at, operation.planned_start, operation.due), operation.due,
    operation.planned_start, operation.status
from operation
join machine on machine.id = operation.machine_id
left join product on product.id = operation.product_id
left join lateral (
    select seconds from ideal_cycle
    where machine_id = operation.machine_id and product_id = operation.product_id and valid_from <= %(now)s
    order by valid_from desc
    limit 1
) cycle on true
where machine.code = %(machine)s and operation.status <> 'cancelled'
    and coalesce(operation.started_at, operation.planned_start, operation.due) < %(t1)s
    and (operation.due >= %(t0)s or coalesce(operation.ended_at, 'infinity') > %(t0)s)
order by 6, operation.order_code
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
