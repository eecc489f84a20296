-- Parts of the derivation: the context of every moment, the cut at minutes, and their rows, as
-- db/derive_statement.py strings them together.

-- name: context
-- Calendar slice, operation and ideal cycle of every moment. A new ideal cycle holds from the next
-- full minute on: so the minutes alone tell the ideal time of what was made in them.
slice as (
    select w.wid, greatest(c.t0, a.t0) as t0, least(c.t1, a.t1) as t1, c.kind, c.shift_id
    from work w
    cross join lateral (
        -- The calendars by which the machine worked, one after the other.
        select calendar_id, greatest(t0, w.w0) as t0, least(t1, w.w1) as t1
        from machine_calendar_span
        where machine_id = w.machine_id and t0 < w.w1 and t1 > w.w0
        offset 0
    ) a
    cross join lateral (
        select t0, t1, kind, shift_id from calendar_slice
        where calendar_id = a.calendar_id and t0 < a.t1 and t0 > a.t0 - interval '2 days'
          and t1 > a.t0
        offset 0
    ) c
), calendar_span as materialized (
    select wid, t0, t1, kind, shift_id from slice
    union all
    select wid, lower(r), upper(r), 'none', 0
    from (
        select w.wid, unnest(tstzmultirange(tstzrange(w.w0, w.w1))
                             - coalesce(s.slices, '{}')) as r
        from work w
        left join (
            select wid, range_agg(tstzrange(t0, t1)) as slices from slice group by wid
        ) s on s.wid = w.wid
    ) unscheduled
), active as materialized (
    select w.wid, w.w0, w.w1, o.*
    from work w
    cross join lateral (
        select id, coalesce(product_id, 0) as product_id, started_at as a,
               coalesce(ended_at, 'infinity') as b
        from operation
        where machine_id = w.machine_id and started_at < w.w1
          and coalesce(ended_at, 'infinity') > w.w0
        offset 0
    ) o
), change as (
    select wid, w0 as t, w1 from work
    union
    select wid, a, w1 from active where a > w0
    union
    select wid, b, w1 from active where b < w1
), operation_span as (
    select c.wid, c.t as t0, lead(c.t, 1, c.w1) over (partition by c.wid order by c.t) as t1,
           coalesce(o.id, 0) as operation_id, coalesce(o.product_id, 0) as product_id
    from change c
    left join lateral (
        select id, product_id from active x
        where x.wid = c.wid and x.a <= c.t and c.t < x.b
        order by x.a desc, x.id desc limit 1
    ) o on true
), ideal_span as materialized (
    select o.wid, greatest(o.t0, v.t0) as t0, least(o.t1, v.t1) as t1,
           o.operation_id, o.product_id, v.seconds
    from operation_span o
    join work w on w.wid = o.wid
    cross join lateral (
        select valid_from as t0, lead(valid_from, 1, 'infinity') over (order by valid_from) as t1,
               seconds
        from (
            select case when isfinite(valid_from)
                        then date_bin('1 minute', valid_from + interval '59.999999 s', 'epoch')
                        else valid_from end as valid_from,
                   coalesce(seconds, 0) as seconds
            from ideal_cycle
            where machine_id = w.machine_id and product_id = o.product_id
            union all
            select '-infinity', 0 where not exists (
                select from ideal_cycle
                where machine_id = w.machine_id and product_id = o.product_id
                  and valid_from = '-infinity')
        ) versions
    ) v
    where greatest(o.t0, v.t0) < least(o.t1, v.t1)
), context as materialized (
    select c.wid, greatest(c.t0, i.t0) as t0, least(c.t1, i.t1) as t1, c.kind, c.shift_id,
           i.operation_id, i.product_id, i.seconds as ideal_cycle_s
    from calendar_span c join ideal_span i on i.wid = c.wid
    where c.t0 < i.t1 and i.t0 < c.t1
)

-- name: pieces_of_time
-- Cut at minutes: running wins over the calendar.
spell as (
    select w.wid, greatest(h.t0, w.w0) as t0, least(h.t1, w.w1) as t1, h.element::text as state,
           h.is_short and h.element in ('down', 'idle', 'starved', 'blocked') as minor
    from work w
    join halt h on h.machine_id = w.machine_id and h.t0 < w.w1 and h.t1 > w.w0
    union all
    select w.wid, greatest(i.t0, w.w0), least(i.t1, w.w1), i.state::text, false
    from work w
    join interval_new i on i.machine_id = w.machine_id and i.t0 < w.w1 and i.t1 > w.w0
    where i.state in ('running', 'unknown', 'not_scheduled')
), stretch as (
    select k.wid, greatest(k.t0, c.t0) as t0, least(k.t1, c.t1) as t1,
           case when k.state = 'running' then 'running'
                when c.kind = 'none' then 'not_scheduled'
                when c.kind <> 'work' then 'planned_stop'  -- a break or maintenance
                else k.state end as element,
           k.minor and c.kind = 'work' as minor,
           c.shift_id, c.operation_id, c.product_id, c.ideal_cycle_s
    from spell k join context c on c.wid = k.wid
    where k.t0 < c.t1 and c.t0 < k.t1
), piece as materialized (
    select s.wid, m.ts, greatest(s.t0, m.ts) as t0,
           least(s.t1, m.ts + interval '1 minute') as t1,
           s.element, s.minor, s.shift_id, s.operation_id, s.product_id, s.ideal_cycle_s
    from stretch s
    cross join lateral generate_series(
        date_bin('1 minute', s.t0, 'epoch'), s.t1 - interval '1 microsecond', interval '1 minute'
    ) as m (ts)
)

-- name: minutes
-- What differs from the stored rows is replaced.
part as (
    select wid, ts, operation_id, product_id, shift_id, element,
           date_part('epoch', t1 - t0) as s, minor, 0 as good, 0 as scrap, 0 as rework,
           0 as start_up_scrap, 0 as ideal_cycle_s
    from piece
    union all
    select wid, ts, operation_id, product_id, shift_id, null, 0, false, good, scrap, rework,
           start_up_scrap, ideal_cycle_s
    from made
), minute_new as materialized (
    select p.ts, w.machine_id, p.operation_id, p.product_id, p.shift_id,
           coalesce(round(sum(s) filter (where element = 'not_scheduled') * 1e6) / 1e6, 0) as not_scheduled_s,
           coalesce(round(sum(s) filter (where element = 'planned_stop') * 1e6) / 1e6, 0) as planned_stop_s,
           coalesce(round(sum(s) filter (where element = 'setup') * 1e6) / 1e6, 0) as setup_s,
           coalesce(round(sum(s) filter (where element = 'running') * 1e6) / 1e6, 0) as running_s,
           coalesce(round(sum(s) filter (where element = 'down') * 1e6) / 1e6, 0) as down_s,
           coalesce(round(sum(s) filter (where element = 'idle') * 1e6) / 1e6, 0) as idle_s,
           coalesce(round(sum(s) filter (where element = 'starved') * 1e6) / 1e6, 0) as starved_s,
           coalesce(round(sum(s) filter (where element = 'blocked') * 1e6) / 1e6, 0) as blocked_s,
           coalesce(round(sum(s) filter (where element = 'unknown') * 1e6) / 1e6, 0) as unknown_s,
           round(sum(p.good) * 1e6) / 1e6 as good, round(sum(p.scrap) * 1e6) / 1e6 as scrap,
           round(sum(p.rework) * 1e6) / 1e6 as rework,
           round(sum(ideal_cycle_s * (p.good + p.scrap)) * 1e6) / 1e6 as ideal_s,
           round(sum(ideal_cycle_s * p.good) * 1e6) / 1e6 as ideal_good_s,
           round(sum(p.start_up_scrap) * 1e6) / 1e6 as start_up_scrap,
           round(sum(ideal_cycle_s * p.start_up_scrap) * 1e6) / 1e6 as ideal_start_up_s,
           coalesce(round(sum(s) filter (where minor) * 1e6) / 1e6, 0) as minor_s,
           coalesce(round(sum(s) filter (where minor and element = 'down') * 1e6) / 1e6, 0) as minor_down_s
    from part p join work w on w.wid = p.wid
    group by w.machine_id, p.ts, p.operation_id, p.product_id, p.shift_id
), minute_stored as materialized (
    select m.*
    from work w
    cross join lateral (
        select * from machine_1m
        where machine_id = w.machine_id and ts >= w.w0 and ts < w.w1
        offset 0
    ) m
), minute_differs as materialized (
    select s as stored, n as made
    from minute_new n
    full join minute_stored s on n.machine_id = s.machine_id and n.ts = s.ts
     and n.operation_id = s.operation_id and n.shift_id = s.shift_id
    where n is distinct from s
), minute_gone as (
    delete from machine_1m m using minute_differs d
    where m.machine_id = (d.stored).machine_id and m.ts = (d.stored).ts
      and m.operation_id = (d.stored).operation_id and m.shift_id = (d.stored).shift_id
      and m.ts >= %(first)s and m.ts < %(last)s
    returning m.ts
), minute_added as (
    insert into machine_1m
    select (d.made).* from minute_differs d
    where (select count(*) from minute_gone) >= 0  -- after the deletion
      and (d.made).ts is not null
    returning ts
)

-- name: result
select min(ts), max(ts), count(*)
from (select ts from minute_gone union all select ts from minute_added) changed
group by date_bin('1 hour', ts, 'epoch');
