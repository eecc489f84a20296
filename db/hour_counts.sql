-- name: machine
select code from machine where id = %(machine_id)s

-- name: hour
-- What a machine made in an hour, of the order and in the shift that a minute of it belongs to, what is
-- still being worked in included; nothing where that minute is not known.
with belongs as materialized (
    -- Each minute to what the machine ran longest for.
    select distinct on (ts) ts, operation_id, shift_id
    from machine_1m
    where machine_id = %(machine_id)s and ts >= %(t0)s and ts < %(t1)s
    order by ts, running_s desc, shift_id, operation_id
), here as (
    select b.operation_id, b.shift_id, o.order_code
    from belongs b
    left join operation o on o.id = b.operation_id
    where b.ts = date_bin('1 minute', %(at)s, 'epoch')
), made as (
    select m.good, m.scrap, m.rework
    from here
    join machine_1m m on m.machine_id = %(machine_id)s and m.ts >= %(t0)s and m.ts < %(t1)s
     and m.operation_id = here.operation_id and m.shift_id = here.shift_id
    union all
    select c.good, c.scrap, c.rework
    from here
    join belongs b on b.operation_id = here.operation_id and b.shift_id = here.shift_id
    join count_correction c on c.machine_id = %(machine_id)s
     and c.at >= b.ts and c.at < b.ts + interval '1 minute'
    join count_correction_due d on d.id = c.id
)
select here.order_code, coalesce(sum(made.good), 0), coalesce(sum(made.scrap), 0), coalesce(sum(made.rework), 0)
from here left join made on true
group by here.order_code
