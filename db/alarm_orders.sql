-- name: open
-- Operations that are due and not done, with what their machine counted for them, the rate of each of
-- the last quarters of an hour that had five minutes of planned busy time, and the rate expected.
select
    operation.id, operation.order_code, operation.operation, operation.revision, operation.at,
    operation.status, operation.planned, operation.good, operation.scrap,
    machine.code, product.code, operation.planned_start, operation.due, operation.started_at,
    operation.ended_at, machine.calendar_id,
    made.good, made.rates,
    line.target_oee / cycle.seconds
from operation
join machine on machine.id = operation.machine_id and machine.retired_at is null
join line on line.id = machine.line_id
left join product on product.id = operation.product_id
left join lateral (
    select seconds
    from ideal_cycle
    where machine_id = operation.machine_id and product_id = operation.product_id and valid_from <= %(now)s
    order by valid_from desc
    limit 1
) cycle on true
left join lateral (
    select
        sum(quarter.good) as good,
        (array_agg(quarter.good / quarter.busy_s order by quarter.ts desc) filter (where quarter.busy_s >= 300))[1:32]
            as rates
    from (
        select
            ts,
            sum(good) as good,
            sum(setup_s + running_s + down_s + idle_s + starved_s + blocked_s + unknown_s) as busy_s
        from machine_15m
        where operation.started_at is not null
            and machine_id = operation.machine_id and operation_id = operation.id
            and ts > operation.started_at - interval '15 minutes' and ts <= %(now)s
        group by ts
    ) quarter
) made on true
where operation.status in ('planned', 'running', 'held') and operation.due is not null
order by operation.order_code, operation.operation

-- name: work
select calendar_id, t0, t1
from calendar_slice
where kind = 'work' and t1 > %(now)s and t0 < %(until)s
order by calendar_id, t0
