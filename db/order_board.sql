-- name: shown
-- Ids of the operations in work, waiting or just finished, by what one should know first.
select operation.id
from operation
join machine on machine.id = operation.machine_id and machine.retired_at is null
join line on line.id = machine.line_id
where (%(line)s::text is null or line.code = %(line)s)
    and (
        operation.status in ('running', 'held', 'released')
        or (operation.status = 'planned' and coalesce(operation.planned_start, operation.due, %(now)s) < %(until)s)
        or (operation.status in ('done', 'cancelled') and coalesce(operation.ended_at, operation.at) > %(since)s)
    )
order by
    case operation.status
        when 'held' then 0 when 'running' then 0 when 'released' then 1 when 'planned' then 1 else 2 end,
    case when operation.status in ('done', 'cancelled') then null else operation.due end,
    coalesce(operation.ended_at, operation.at) desc, operation.order_code, operation.operation
limit %(count)s

-- name: opened
-- All that is open and begins soon, what isn't due too: it stands in the queue before others.
with recursive opened as materialized (
    select operation.id, operation.machine_id, operation.order_code, operation.operation
    from operation
    join machine on machine.id = operation.machine_id and machine.retired_at is null
    where operation.status in ('running', 'held', 'released')
        or (operation.status = 'planned' and coalesce(operation.planned_start, operation.due, %(now)s) < %(until)s)
)

-- name: open
-- The ids.
select id from opened order by order_code, operation

-- name: beside
-- The ids of those that others may wait for: on the machines of these, on those that make other
-- steps of what is made there, and so on.
, busy as (
    select machine_id from opened where id = any (%(ids)s)
    union
    select other.machine_id
    from busy
    join opened on opened.machine_id = busy.machine_id
    join opened other on other.order_code = opened.order_code
)
select opened.id
from opened
join busy on busy.machine_id = opened.machine_id
where opened.id <> all (%(ids)s)
order by opened.order_code, opened.operation

-- name: operations
-- What the business system reports of these.
select operation.id,
    operation.order_code, operation.operation, operation.revision, operation.at, operation.status,
    operation.planned, operation.good, operation.scrap, machine.code, product.code,
    operation.planned_start, operation.due, operation.started_at, operation.ended_at,
    operation.priority, operation.parent, operation.step,
    product.name, line.code, operation.first_done_at,
    cycle.seconds, line.target_oee
from unnest(%(ids)s::integer[]) with ordinality as wanted (id, place)
join operation on operation.id = wanted.id
left join machine on machine.id = operation.machine_id
left join line on line.id = machine.line_id
left join product on product.id = operation.product_id
left join lateral (
    select seconds
    from ideal_cycle
    where machine_id = operation.machine_id and product_id = operation.product_id and valid_from <= %(now)s
    order by valid_from desc
    limit 1
) cycle on true
order by wanted.place

-- name: astray
-- What may explain that machines counted another quantity of operations than the business system, which
-- has not yet said it (`later`), or that lies under no operation (`beside`) or another one (`elsewhere`).
select operation.id, coalesce(later.good, 0), coalesce(beside.good, 0), coalesce(elsewhere.good, 0)
from unnest(%(ids)s::integer[], %(counted)s::float8[]) as wanted (id, good)
join operation on operation.id = wanted.id
left join lateral (
    select sum(m.good) as good
    from machine_1m m
    where wanted.good > operation.good
        and m.machine_id = operation.machine_id and m.operation_id = operation.id
        and m.ts >= date_trunc('minute', operation.at) and m.ts <= %(now)s
) later on true
left join lateral (
    select sum(m.good) as good
    from machine_1m m
    where wanted.good < operation.good
        and m.machine_id = operation.machine_id and m.operation_id = 0
        and m.ts >= operation.started_at - interval '2 hours'
        and m.ts < coalesce(operation.ended_at + interval '15 minutes', %(now)s)
) beside on true
left join lateral (
    select sum(q.good) as good
    from machine_15m q
    where wanted.good < operation.good
        and q.machine_id = operation.machine_id and q.operation_id not in (0, operation.id)
        and q.product_id = operation.product_id and q.ts >= operation.started_at
        and q.ts + interval '15 minutes' <= coalesce(operation.ended_at, %(now)s)
) elsewhere on true
where operation.started_at is not null

-- name: calendars
-- By which calendars machines work in a stretch, and from when to when; null: since or for ever.
select machine.code, works.calendar_id, nullif(works.t0, '-infinity'), nullif(works.t1, 'infinity')
from machine
join machine_calendar_span works on works.machine_id = machine.id
where machine.code = any (%(machines)s) and works.t1 > %(since)s and works.t0 < %(until)s
order by machine.code, works.t0

-- name: work
select calendar_id, t0, t1
from calendar_slice
where kind = 'work' and t1 > %(since)s and t0 < %(until)s
order by calendar_id, t0

-- name: of_orders
-- Ids of all operations of orders.
select id from operation where order_code = any (%(orders)s) order by id

-- name: made
-- All operations of every order that has one, of the line, that was due since the beginning of a
-- stretch and planned to begin by now: what is on time, only the last step of an order can tell.
select operation.id,
    operation.order_code, operation.operation, operation.revision, operation.at, operation.status,
    operation.planned, operation.good, operation.scrap, machine.code, null,
    operation.planned_start, operation.due, operation.started_at, operation.ended_at,
    operation.priority, operation.parent, operation.step,
    line.code
from operation
left join machine on machine.id = operation.machine_id
left join line on line.id = machine.line_id
where operation.status <> 'cancelled' and operation.order_code in (
    select touched.order_code
    from operation touched
    left join machine at on at.id = touched.machine_id
    left join line of on of.id = at.line_id
    where (%(line)s::text is null or of.code = %(line)s)
        and touched.due >= %(since)s and least(touched.planned_start, touched.due) < %(now)s
        and touched.status <> 'cancelled'
)
