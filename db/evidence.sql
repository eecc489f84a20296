-- name: shared
-- Of every machine concerned, the stretches that belong to a scope and period: while it stood on the
-- line, while the order ran on it (of several, the one that started last), within the production days.
with stood as (
    select m.id as machine_id, m.code, range_agg(tstzrange(
        case when isfinite(p.t0) then date_bin('1 minute', p.t0 + interval '59.999999 s', 'epoch') else p.t0 end,
        case when isfinite(p.t1) then date_bin('1 minute', p.t1 + interval '59.999999 s', 'epoch') else p.t1 end
    )) as at
    from machine m
    join machine_line_span p on p.machine_id = m.id
    join line on line.id = p.line_id
    join area on area.id = line.area_id
    where case %(scope)s when 'machine' then m.code when 'line' then line.code when 'area' then area.code
               else %(code)s end = %(code)s
    group by m.id
), ordered as (
    select o.machine_id, range_agg(r) as at
    from operation o
    left join product on product.id = o.product_id
    cross join lateral (
        select tstzmultirange(tstzrange(o.started_at, o.ended_at)) - coalesce(range_agg(
            tstzrange(later.started_at, later.ended_at)), '{}') as own
        from operation later
        where later.machine_id = o.machine_id and (later.started_at, later.id) > (o.started_at, o.id)
          and later.started_at < coalesce(later.ended_at, 'infinity')
    ) x
    cross join lateral unnest(x.own) as r
    where o.started_at < coalesce(o.ended_at, 'infinity') and o.started_at < %(t1)s
      and coalesce(o.ended_at, 'infinity') > %(t0)s
      and case %(scope)s when 'order' then o.order_code when 'product' then product.code
               else o.order_code || '/' || o.operation end = %(code)s
    group by o.machine_id
), shift as materialized (
    select c.machine_id, s.day, s.code, tstzrange(greatest(s.t0, c.t0), least(s.t1, c.t1)) as at
    from machine_calendar_span c
    join shift_instance s on s.calendar_id = c.calendar_id and s.t0 < least(c.t1, %(t1)s)
     and s.t1 > greatest(c.t0, %(t0)s)
    where %(first)s::date is not null
), days as (
    select st.machine_id, coalesce(range_agg(shift.at) filter (
               where shift.day >= %(first)s and shift.day < %(last)s
                 and (%(shift)s::text is null or shift.code = %(shift)s)), '{}')
           + case when %(shift)s::text is null
                  then tstzmultirange(tstzrange(%(day_t0)s::timestamptz, %(day_t1)s::timestamptz))
                       - coalesce(range_agg(shift.at), '{}')
                  else '{}' end as at
    from stood st
    left join shift on shift.machine_id = st.machine_id
    where %(first)s::date is not null
    group by st.machine_id
), scope as materialized (
    select st.machine_id, st.code, st.at
           * tstzmultirange(tstzrange(%(t0)s::timestamptz, %(t1)s::timestamptz))
           * case when %(scope)s in ('order', 'product', 'operation') then coalesce(o.at, '{}') else '{(,)}' end
           * case when %(first)s::date is null then '{(,)}' else coalesce(d.at, '{}') end as at
    from stood st
    left join ordered o on o.machine_id = st.machine_id
    left join days d on d.machine_id = st.machine_id
)

-- name: said
-- What the machines said in these stretches.
, said as (
    select i.machine_id, scope.code, r.r as at, i.state, coalesce(s.element, i.state) as element,
           case when s.machine_id is null then i.reason_id else s.reason_id end as reason_id, s.said_by
    from scope
    cross join lateral interval_since(scope.machine_id, %(t0)s) earliest
    cross join lateral (
        select machine_id, t0, t1, state, reason_id from state_interval
        where machine_id = scope.machine_id and t0 >= earliest.since and t0 < %(t1)s and t1 > %(t0)s
        offset 0
    ) i
    -- What operators say cuts a stop, and may make it another element.
    left join lateral (
        select s.machine_id, s.t0, s.t1, s.element, s.reason_id, s.said_by
        from stop_since(i.machine_id, i.t0) begun, stop_span s
        where s.machine_id = i.machine_id and s.t0 >= begun.since and s.t0 < i.t1
          and coalesce(s.t1, 'infinity') > i.t0 and i.state not in ('running', 'unknown', 'not_scheduled')
        offset 0
    ) s on true
    cross join lateral unnest(tstzmultirange(tstzrange(i.t0, i.t1)) * scope.at
        * case when s.machine_id is null then '{(,)}' else tstzmultirange(tstzrange(s.t0, s.t1)) end) as r (r)
)

-- name: cut
-- And what the calendar makes of it: running wins, a break is a planned stop, outside of every shift
-- nothing is scheduled.
, worked as (
    select c.machine_id,
           coalesce(range_agg(tstzrange(greatest(s.t0, c.t0), least(s.t1, c.t1)))
                    filter (where s.kind = 'work'), '{}') as work,
           coalesce(range_agg(tstzrange(greatest(s.t0, c.t0), least(s.t1, c.t1)))
                    filter (where s.kind <> 'work'), '{}') as rest
    from machine_calendar_span c
    join calendar_slice s on s.calendar_id = c.calendar_id and s.t0 < least(c.t1, %(t1)s)
     and s.t1 > greatest(c.t0, %(t0)s)
    where c.machine_id in (select machine_id from scope)
    group by c.machine_id
), piece as (
    select p.machine_id, p.code, lower(x.r) as t0, upper(x.r) as t1, x.element, p.state, p.reason_id, p.said_by
    from page p
    left join worked w on w.machine_id = p.machine_id
    cross join lateral (
        select p.at as r, 'running' as element where p.state = 'running'
        union all
        select unnest(tstzmultirange(p.at) * coalesce(w.work, '{}')), p.element::text
        where p.state <> 'running'
        union all
        select unnest(tstzmultirange(p.at) * coalesce(w.rest, '{}')), 'planned_stop'
        where p.state <> 'running'
        union all
        select unnest(tstzmultirange(p.at) - coalesce(w.work, '{}') - coalesce(w.rest, '{}')), 'not_scheduled'
        where p.state <> 'running'
    ) x
)

-- name: intervals
, page as (
    select * from said order by lower(at) desc, code offset %(offset)s limit %(limit)s::bigint - 1
)

-- name: intervals_end
select piece.code, piece.t0, piece.t1, piece.element, piece.state::text, reason.code, reason.name, piece.said_by,
       (select count(*) from said) >= %(offset)s::bigint + %(limit)s::bigint
from piece
left join reason on reason.id = piece.reason_id
order by piece.t0 desc, piece.code

-- name: everything
, page as (select * from said)

-- name: sums
select element, extract(epoch from sum(t1 - t0))::double precision from piece group by element

-- name: counts
-- What counters said there, each with the value before it in source time, and the pieces between.
select scope.code, tag.code, meant.role, meant.counter, r.ts, before.ts, before.value, r.value, r.quality,
       case when r.quality < 2 and r.value is not null
            then pieces_counted(meant.counter, meant.modulus, before.value, r.value) end,
       source.name
from scope
join tag_span meant on meant.machine_id = scope.machine_id
 and meant.role in ('good', 'scrap', 'cycle', 'rework', 'start_up_scrap')
join tag on tag.id = meant.tag_id
join source on source.id = meant.source_id
cross join lateral (
    select ts, value, quality from reading
    where tag_id = tag.id and ts >= greatest(%(t0)s, meant.t0) and ts < least(%(t1)s, meant.t1) and scope.at @> ts
    order by ts desc limit %(offset)s + %(limit)s
) r
left join lateral (
    (select ts, value from reading
     where tag_id = tag.id and ts < r.ts and ts >= meant.begun and quality < 2 and value is not null
     order by ts desc limit 1)
    union all
    (select ts, value from reading_kept where tag_id = tag.id and ts < r.ts and ts >= meant.begun)
    order by ts desc limit 1
) before on true
order by r.ts desc, tag.code
offset %(offset)s limit %(limit)s

-- name: readings
-- The raw readings of states and counters: source time, quality, as they came.
select scope.code, tag.code, meant.role, r.ts, r.value, r.text, r.quality, source.name
from scope
join tag_span meant on meant.machine_id = scope.machine_id and meant.role <> 'process'
join tag on tag.id = meant.tag_id
join source on source.id = meant.source_id
cross join lateral (
    (select ts, value, null::text as text, quality from reading
     where tag_id = tag.id and ts >= greatest(%(t0)s, meant.t0) and ts < least(%(t1)s, meant.t1) and scope.at @> ts
     order by ts desc limit %(offset)s + %(limit)s)
    union all
    (select ts, null, value, quality from reading_text
     where tag_id = tag.id and ts >= greatest(%(t0)s, meant.t0) and ts < least(%(t1)s, meant.t1) and scope.at @> ts
     order by ts desc limit %(offset)s + %(limit)s)
) r
order by r.ts desc, tag.code
offset %(offset)s limit %(limit)s

-- name: process_values
select scope.code, tag.code, tag.role, r.ts, r.value, null, r.quality, source.name
from scope
join tag on tag.machine_id = scope.machine_id and tag.role = 'process'
 and (%(tag)s::text is null or tag.name = %(tag)s)
join source on source.id = tag.source_id
cross join lateral (
    select ts, value, quality from reading
    where tag_id = tag.id and ts >= %(t0)s and ts < %(t1)s and scope.at @> ts
    order by ts desc limit %(offset)s + %(limit)s
) r
order by r.ts desc, tag.code
offset %(offset)s limit %(limit)s

-- name: messages
-- What business systems said of operations there, corrections of counts, and what was not heard.
select scope.code, 'order', e.at, e.received_at, e.order_code || ' / ' || e.operation, e.body ->> 'status',
       (e.body ->> 'good')::double precision, (e.body ->> 'scrap')::double precision, source.name
from scope
join order_event e on e.body ->> 'machine' = scope.code and e.at >= %(t0)s and e.at < %(t1)s
 and scope.at @> e.at
join source on source.id = e.source_id
union all
select scope.code, 'correction', c.at, c.recorded_at, c.reason, null, c.good, c.scrap, c.actor
from scope
join count_correction c on c.machine_id = scope.machine_id and scope.at @> c.at
union all
select scope.code, 'gap', g.t0, g.t1, g.cause, null, null, null, source.name
from scope
join (select distinct machine_id, source_id from tag_span where role = 'state') listened
    on listened.machine_id = scope.machine_id
join source_gap g on g.source_id = listened.source_id
 and tstzmultirange(tstzrange(g.t0, g.t1)) && scope.at
join source on source.id = g.source_id
order by 3 desc, 1
offset %(offset)s limit %(limit)s

-- name: floors
select max(ts) filter (where relation = 'reading'), max(ts) filter (where relation = 'machine_1m')
from retention_floor

-- name: order_span
-- From the first start of an order's operations to the last one's end, or to now.
select min(started_at), least(max(coalesce(ended_at, 'infinity')), %(now)s::timestamptz)
from operation
where started_at is not null
  and case %(scope)s when 'order' then order_code else order_code || '/' || operation end = %(code)s
