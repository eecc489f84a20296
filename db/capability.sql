-- name: extent
-- The machines of a scope that have specification limits, and how many readings they gave in it.
with whose as (
    select id as machine_id, %(t0)s::timestamptz as t0, %(t1)s::timestamptz as t1 from machine
    where %(scope)s = 'site' or id = any (%(machines)s)
    union all
    select o.machine_id, greatest(min(o.started_at), %(t0)s),
           least(max(coalesce(o.ended_at, 'infinity')), %(t1)s)
    from operation o
    left join product on product.id = o.product_id
    where o.started_at < %(t1)s and coalesce(o.ended_at, 'infinity') > %(t0)s
      and case %(scope)s when 'product' then product.code when 'order' then o.order_code
               when 'operation' then o.order_code || '/' || o.operation end = %(code)s
    group by o.machine_id
)
select coalesce(array_agg(distinct whose.machine_id), '{}'), coalesce(sum(hours.n), 0)::bigint
from whose
join tag on tag.machine_id = whose.machine_id
 and exists (select from tag_limit where tag_id = tag.id)
cross join lateral (
    select sum(n) as n from tag_1h
    where tag_id = tag.id and ts > whose.t0 - interval '1 hour' and ts < whose.t1
) hours

-- name: running
-- Stretches in which machines ran, cut wherever anything changes that a reading belongs to: its
-- operation, shift, line, and part of the period.
with edge as (
    select m.id as machine_id, x.t, x.step
    from unnest(%(machines)s::integer[]) m (id)
    cross join lateral interval_since(m.id, %(t0)s) first
    join state_interval i on i.machine_id = m.id and i.state = 'running'
     and i.t0 >= first.since and i.t0 < %(t1)s and i.t1 > %(t0)s
    cross join lateral (
        values (greatest(i.t0, %(t0)s), 1), (least(i.t1, %(t1)s), -1)
    ) x (t, step)
    union all
    select o.machine_id, x.t, 0
    from operation o
    cross join lateral (values (o.started_at), (o.ended_at)) x (t)
    where o.machine_id = any (%(machines)s) and x.t > %(t0)s and x.t < %(t1)s
    union all
    select c.machine_id, x.t, 0
    from machine_calendar_span c
    join shift_instance s on s.calendar_id = c.calendar_id
     and s.t0 < least(c.t1, %(t1)s) and s.t1 > greatest(c.t0, %(t0)s)
    cross join lateral (values (greatest(s.t0, c.t0)), (least(s.t1, c.t1))) x (t)
    where c.machine_id = any (%(machines)s)
    union all
    select machine_id, valid_from, 0
    from machine_line
    where machine_id = any (%(machines)s) and valid_from > %(t0)s and valid_from < %(t1)s
    union all
    select m, t, 0
    from unnest(%(machines)s::integer[]) m
    cross join unnest(%(moments)s::timestamptz[] || array[
        %(first)s::date::timestamp at time zone %(zone)s, %(last)s::date::timestamp at time zone %(zone)s
    ]) t
    where t is not null
), cut as (
    select machine_id, t as ts, lead(t) over w as t1, sum(sum(step)) over w as running
    from edge
    group by machine_id, t
    window w as (partition by machine_id order by t)
), part as materialized (
    select cut.ts, cut.t1, cut.machine_id, coalesce(o.id, 0) as operation_id,
           coalesce(o.product_id, 0) as product_id, coalesce(s.id, 0) as shift_id
    from cut
    left join lateral (  -- of several, the one that started last
        select id, product_id from operation
        where machine_id = cut.machine_id and started_at <= cut.ts
          and coalesce(ended_at, 'infinity') > cut.ts
        order by started_at desc, id desc limit 1
    ) o on true
    left join lateral (
        select s.id
        from machine_calendar_span c
        join shift_instance s on s.calendar_id = c.calendar_id
         and s.t0 <= cut.ts and s.t0 > cut.ts - interval '2 days' and s.t1 > cut.ts
        where c.machine_id = cut.machine_id and c.t0 <= cut.ts and c.t1 > cut.ts
        order by s.t0 desc limit 1
    ) s on true
    where cut.running > 0
)

-- name: samples
-- Readings of good quality by characteristic; of different limits apart. A product's own go first.
select chosen.grouped, chosen.slot, chosen.of_shift, tag.name, tag.label, tag.unit,
    limits.lower, limits.upper, count(r.value), avg(r.value), stddev_samp(r.value),
    count(*) filter (where r.value < limits.lower or r.value > limits.upper)
from chosen
join tag on tag.machine_id = chosen.machine_id
cross join lateral (
    select lower, upper from tag_limit
    where tag_id = tag.id and product_id in (0, chosen.product_id)
    order by product_id desc limit 1
) limits
left join lateral (
    select value from reading
    where tag_id = tag.id and ts >= chosen.ts and ts < chosen.t1 and quality = 0
    offset 0
) r on true
where chosen.slot <> 0 and chosen.slot <> %(count)s + 1
group by chosen.grouped, chosen.slot, chosen.of_shift, tag.name, tag.label, tag.unit,
    limits.lower, limits.upper
order by chosen.slot, chosen.of_shift, chosen.grouped, min(tag.id), limits.lower, limits.upper
