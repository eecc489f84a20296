-- name: members
-- Which machines stood on which line, from when to when, as far as it matters before a moment.
select line.code, m.code, greatest(s.t0, %(ever)s), least(s.t1, m.retired_at, %(t1)s)
from machine_line_span s
join machine m on m.id = s.machine_id
join line on line.id = s.line_id
where line.code = any (%(lines)s) and s.t0 < %(t1)s and s.t0 < least(s.t1, m.retired_at)
order by line.code, m.code

-- name: said
-- What machines said from a moment on, each stop as people explained it. A merged stop is one stop with
-- one reason, else each part what it was; what ran between its parts ran.
with asked as materialized (
    select m.id, m.code, earliest.since, stopped.since as stopped_since,
           (select t1 from state_interval where machine_id = m.id order by t0 desc limit 1) as upto
    from machine m
    cross join lateral interval_since(m.id, %(t0)s) earliest
    cross join lateral stop_since(m.id, %(t0)s) stopped
    where m.code = any (%(machines)s)
), stopped as (
    select a.id, a.code, s.*
    from asked a
    cross join lateral (
        select t0, coalesce(t1, a.upto) as t1, element, reason_id, between_s > 0 as is_parted
        from stop_span
        where machine_id = a.id and t0 >= a.stopped_since and t0 < %(t1)s
        offset 0
    ) s
    where s.t1 > %(t0)s
), stretch as (
    select a.code, i.t0, i.t1, i.state, null::integer as reason_id
    from asked a
    cross join lateral (
        select t0, t1, state from state_interval
        where machine_id = a.id and t0 >= a.since and t0 < %(t1)s and t1 > %(t0)s
          and state in ('running', 'unknown', 'not_scheduled')
        offset 0
    ) i
    union all
    select code, t0, t1, element, reason_id from stopped where not is_parted
    union all
    select s.code, greatest(i.t0, s.t0), least(i.t1, s.t1),
           case when s.reason_id is null then i.state else s.element end, s.reason_id
    from stopped s
    join state_interval i on i.machine_id = s.id and i.t0 < s.t1 and i.t1 > s.t0
     and i.t0 >= (select since from interval_since(s.id, s.t0))
     and i.state in ('planned_stop', 'setup', 'down', 'idle', 'starved', 'blocked')
    where s.is_parted
)
select code, greatest(t0, %(t0)s), least(t1, %(t1)s), state::text, reason_id
from stretch where t1 > %(t0)s and t0 < %(t1)s
order by code, 2

-- name: reasons
select id, code from reason

-- name: slices
-- Of the calendars by which machines worked.
select m.code, greatest(c.t0, v.t0, %(t0)s), least(c.t1, v.t1, %(t1)s), c.kind
from machine m
join machine_calendar_span v on v.machine_id = m.id
join calendar_slice c on c.calendar_id = v.calendar_id and c.t0 < v.t1 and c.t1 > v.t0
    and c.t0 < %(t1)s and c.t1 > %(t0)s and c.t0 > %(t0)s::timestamptz - interval '2 days'
where m.code = any (%(machines)s) and v.t0 < %(t1)s and v.t1 > %(t0)s
order by m.code, 2

-- name: started
-- Which product was begun on machines, and when; of what was begun before, the newest of each.
select m.code, o.started_at, product.code
from machine m
cross join lateral (
    (select started_at, product_id from operation
     where machine_id = m.id and started_at <= %(t0)s and product_id is not null
     order by started_at desc, id desc limit 1)
    union all
    (select started_at, product_id from operation
     where machine_id = m.id and started_at > %(t0)s and started_at < %(t1)s
       and product_id is not null
     order by started_at, id)
) o
join product on product.id = o.product_id
where m.code = any (%(machines)s)
order by 2, 1

-- name: cycles
-- The versions of ideal cycles; null: none is known from then on.
select m.code, product.code, greatest(i.valid_from, %(ever)s), i.seconds
from ideal_cycle i
join machine m on m.id = i.machine_id
join product on product.id = i.product_id
where m.code = any (%(machines)s) and product.code = any (%(products)s) and i.valid_from < %(t1)s
order by i.valid_from
