-- name: quarters
-- Each machine's quarters of an hour by operation, oldest first.
select
    machine.code,
    array_agg(q.operation_id order by q.ts, q.operation_id),
    array_agg(coalesce(product.code, '') order by q.ts, q.operation_id),
    array_agg(q.setup_s + q.running_s + q.down_s + q.idle_s + q.starved_s + q.blocked_s + q.unknown_s
        order by q.ts, q.operation_id),
    array_agg(q.setup_s order by q.ts, q.operation_id),
    array_agg(q.running_s order by q.ts, q.operation_id),
    array_agg(q.good order by q.ts, q.operation_id),
    array_agg(q.ideal_good_s order by q.ts, q.operation_id)
from machine_15m q
join machine on machine.id = q.machine_id and machine.retired_at is null
left join product on product.id = q.product_id
where q.ts >= %(since)s and q.ts < %(until)s and q.operation_id <> 0
group by machine.code

-- name: breaks
-- The share of its breaks that each machine ran through for most of the time; of a break, its whole
-- quarters of an hour.
select code, avg((running_s > 0.5 * whole_s)::integer)::double precision
from (
    select machine.code, count(distinct q.ts) * 900.0 as whole_s, sum(q.running_s) as running_s
    from calendar_slice pause
    join machine_calendar_span works
        on works.calendar_id = pause.calendar_id and works.t0 <= pause.t0 and works.t1 >= pause.t1
    join machine on machine.id = works.machine_id and machine.retired_at is null
    join machine_15m q on q.machine_id = machine.id
        and q.ts >= pause.t0 and q.ts + interval '15 minutes' <= pause.t1
        and q.ts >= %(since)s and q.ts < %(until)s
    where pause.kind = 'break' and pause.t0 >= %(since)s and pause.t1 <= %(until)s
    group by machine.code, pause.t0
) pauses
group by code
