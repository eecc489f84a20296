-- name: operations
-- Operations in work, waiting or just finished, with what their machine made for them: the facts since
-- their start, and the rate of each of the last quarters of an hour with five minutes of planned busy time.
select
    operation.order_code, operation.operation, operation.revision, operation.at, operation.status,
    operation.planned, operation.good, operation.scrap, machine.code, product.code, product.name,
    operation.planned_start, operation.due, operation.started_at, operation.ended_at,
    line.code, machine.calendar_id, line.target_oee / cycle.seconds,
    made.good, made.scrap, made.running_s, made.busy_s, made.rates
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
        sum(quarter.good) as good, sum(quarter.scrap) as scrap,
        sum(quarter.running_s) as running_s, sum(quarter.busy_s) as busy_s,
        (array_agg(quarter.good / quarter.busy_s order by quarter.ts desc) filter (where quarter.busy_s >= 300))[1:32]
            as rates
    from (
        select
            ts,
            sum(good) as good, sum(scrap) as scrap, sum(running_s) as running_s,
            sum(setup_s + running_s + down_s + idle_s + starved_s + blocked_s + unknown_s) as busy_s
        from machine_15m
        where operation.started_at is not null
            and machine_id = operation.machine_id and operation_id = operation.id
            and ts > operation.started_at - interval '15 minutes'
            and ts <= least(%(now)s, coalesce(operation.ended_at, %(now)s))
        group by ts
    ) quarter
) made on true
where (%(line)s::text is null or line.code = %(line)s)
    and (
        operation.status in ('running', 'held')
        or (operation.status = 'planned' and coalesce(operation.planned_start, operation.due, %(now)s) < %(until)s)
        or (operation.status = 'done' and operation.ended_at > %(since)s)
    )
order by
    case operation.status when 'held' then 0 when 'running' then 0 when 'planned' then 1 else 2 end,
    case when operation.status = 'done' then null else operation.due end,
    operation.ended_at desc, operation.order_code, operation.operation
limit %(count)s

-- name: work
select calendar_id, t0, t1
from calendar_slice
where kind = 'work' and t1 > %(since)s and t0 < %(until)s
order by calendar_id, t0
