-- name: hour
-- What a machine made in an hour, of the order and in the shift that a minute of it belongs to, what is
-- still being worked in included; nothing where that minute is not known.
with here as (
    select m.operation_id, m.shift_id, o.order_code
    from machine_1m m
    left join operation o on o.id = m.operation_id
    where m.machine_id = %(machine_id)s and m.ts = date_bin('1 minute', %(at)s, 'epoch')
    order by m.running_s desc, m.shift_id, m.operation_id
    limit 1
), made as (
    select m.good, m.scrap, m.rework
    from here
    join machine_1m m on m.machine_id = %(machine_id)s and m.ts >= %(t0)s and m.ts < %(t1)s
     and m.operation_id is not distinct from here.operation_id
     and m.shift_id is not distinct from here.shift_id
    union all
    select c.good, c.scrap, c.rework
    from count_correction_due d
    join count_correction c on c.id = d.id
    where c.machine_id = %(machine_id)s and c.at >= %(t0)s and c.at < %(t1)s
)
select here.order_code, coalesce(sum(made.good), 0), coalesce(sum(made.scrap), 0), coalesce(sum(made.rework), 0)
from here left join made on true
group by here.order_code
