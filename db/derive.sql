-- name: alone
select pg_advisory_xact_lock(%(key)s);

-- name: try_alone
select pg_try_advisory_xact_lock(%(key)s), (
    select min(t.upto) from derive_tail t join machine m on m.id = t.machine_id
    where m.retired_at is null
);

-- name: plans
-- Sequential scans are never right here, and a plan made while a partition was still empty must
-- not become one.
select set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('max_parallel_workers_per_gather', '0', true);

-- name: touch
insert into derive_dirty (machine_id, t0, t1) values (%(machine_id)s, %(t0)s, %(t1)s);

-- name: touch_source
insert into derive_dirty (machine_id, t0, t1)
select distinct machine_id, %(t0)s::timestamptz, %(t1)s::timestamptz from tag
where source_id = %(source_id)s and role = 'state';

-- name: take
with due as (
    select id from derive_dirty where t0 < %(now)s order by t1 desc limit %(limit)s
)
delete from derive_dirty d using due where d.id = due.id
returning d.machine_id, greatest(d.t0, timestamptz '1970-01-01'), least(d.t1, timestamptz '9999-12-31');

-- name: put_back
insert into derive_dirty (machine_id, t0, t1)
select * from unnest(%(machine_id)s::integer[], %(t0)s::timestamptz[], %(t1)s::timestamptz[]);

-- name: windows
-- What has to be derived again for dirty ranges, in whole minutes: a state lasts until the next
-- reading of it, a count's difference reaches the next reading of that counter. And every machine's
-- tail, from where it is derived to now; from where its source fell silent, if that was heard again.
with dirty as materialized (
    select * from unnest(%(machine_id)s::integer[], %(t0)s::timestamptz[], %(t1)s::timestamptz[])
        with ordinality as d (machine_id, t0, t1, n)
), state_end as (
    select d.n, min(r.ts) as ts
    from dirty d
    join tag t on t.machine_id = d.machine_id and t.role = 'state'
    cross join lateral (
        (select ts from reading where tag_id = t.id and ts > d.t1 order by ts limit 1)
        union all
        (select ts from reading_text where tag_id = t.id and ts > d.t1 order by ts limit 1)
    ) r
    group by d.n
), tail as (
    select m.id as machine_id,
           case when greatest(s.last_heard, r.ts) + s.stale_after > t.stale_from
                then least(t.stale_from, t.upto) else t.upto end as t0
    from derive_tail t
    join machine m on m.id = t.machine_id and m.retired_at is null
    left join lateral (
        select g.id, st.last_heard, make_interval(secs => so.stale_after_s) as stale_after
        from tag g
        join source so on so.id = g.source_id
        left join source_status st on st.source_id = so.id
        where g.machine_id = m.id and g.role = 'state' and t.stale_from is not null
        order by st.last_heard desc nulls last limit 1
    ) s on true
    left join lateral (
        select max(ts) as ts from (
            (select ts from reading where tag_id = s.id and ts < %(now)s order by ts desc limit 1)
            union all
            (select ts from reading_text where tag_id = s.id and ts < %(now)s order by ts desc limit 1)
        ) newest
    ) r on s.id is not null
), touched as (
    select d.machine_id, d.t0, greatest(coalesce(e.ts, 'infinity'), d.t1) as t1
    from dirty d left join state_end e on e.n = d.n
    union all
    select d.machine_id, r.ts, r.ts
    from dirty d
    join tag t on t.machine_id = d.machine_id and t.role in ('good', 'scrap', 'cycle')
    cross join lateral (
        select ts from reading
        where tag_id = t.id and ts > d.t1 and ts < %(now)s and quality < 2 and value is not null
        order by ts limit 1
    ) r
    union all
    select machine_id, t0, 'infinity' from tail
), minutes as (
    select machine_id,
           date_bin('1 minute', greatest(t0, floor.ts), 'epoch') as t0,
           case when t1 >= %(now)s then %(now)s
                else least(date_bin('1 minute', t1, 'epoch') + interval '1 minute', %(now)s)
           end as t1
    from touched
    cross join (
        select coalesce(max(ts), '-infinity') as ts from retention_floor
        where relation in ('reading', 'machine_1m')
    ) floor
    where t0 < %(now)s
)
select machine_id, lower(w), upper(w), %(now)s
from (
    select machine_id, unnest(range_agg(tstzrange(t0, t1))) as w
    from minutes where t0 < t1 group by machine_id
) merged
order by machine_id, 2;

-- name: all_windows
-- Of every machine, the derived part of a range.
select machine_id, t0, t1, upto
from (
    select machine_id, upto,
           date_bin('1 minute', greatest(%(t0)s::timestamptz, floor.ts), 'epoch') as t0,
           least(date_bin('1 minute', %(t1)s::timestamptz + interval '59.999999 s', 'epoch'), upto) as t1
    from derive_tail
    cross join (
        select coalesce(max(ts), '-infinity') as ts from retention_floor
        where relation in ('reading', 'machine_1m')
    ) floor
) w
where t0 < t1
order by machine_id;

-- name: derive
-- Windows in, rows of state_interval and machine_1m out. Everything is computed anew inside the
-- windows, and only what differs from the stored rows is written.
with work as materialized (
    select w.wid::integer, w.machine_id, w.w0, w.w1, w.upto, w.w1 = w.upto as tail, m.calendar_id
    from unnest(%(machine_id)s::integer[], %(w0)s::timestamptz[], %(w1)s::timestamptz[],
                %(upto)s::timestamptz[]) with ordinality as w (machine_id, w0, w1, upto, wid)
    join machine m on m.id = w.machine_id
),

-- 1. What the machine said: the reading before the window, and those within it.
state_tag as materialized (
    select w.*, t.id as tag_id, t.state_map, t.source_id,
           st.last_heard, make_interval(secs => so.stale_after_s) as stale_after
    from work w
    join tag t on t.machine_id = w.machine_id and t.role = 'state'
    join source so on so.id = t.source_id
    left join source_status st on st.source_id = t.source_id
), said_again as materialized (
    select distinct s.wid
    from state_tag s
    cross join lateral (
        (select ts from reading
         where tag_id = s.tag_id and ts >= s.w1 and ts < s.upto order by ts limit 1)
        union all
        (select ts from reading_text
         where tag_id = s.tag_id and ts >= s.w1 and ts < s.upto order by ts limit 1)
    ) r
    where not s.tail
), said as (
    select * from (
        select distinct on (s.wid) s.wid, s.w0 as t, s.w1, s.tag_id, s.state_map,
               s.last_heard, s.stale_after, r.ts, r.raw, r.quality
        from state_tag s
        cross join lateral (
            (select ts, value::text as raw, quality from reading
             where tag_id = s.tag_id and ts <= s.w0 order by ts desc limit 1)
            union all
            (select ts, value, quality from reading_text
             where tag_id = s.tag_id and ts <= s.w0 order by ts desc limit 1)
            union all
            (select ts, coalesce(text, value::text), quality from reading_kept
             where tag_id = s.tag_id and ts <= s.w0)
        ) r
        order by s.wid, r.ts desc, s.tag_id desc
    ) before
    union all
    select s.wid, r.ts, s.w1, s.tag_id, s.state_map,
           s.last_heard, s.stale_after, r.ts, r.raw, r.quality
    from state_tag s
    cross join lateral (
        select ts, value::text as raw, quality from reading
        where tag_id = s.tag_id and ts > s.w0 and ts < s.w1
        union all
        select ts, value, quality from reading_text
        where tag_id = s.tag_id and ts > s.w0 and ts < s.w1
        offset 0
    ) r
), meant as (
    select s.wid, s.t, s.w1, s.tag_id, s.last_heard + s.stale_after as heard_until,
           s.ts + s.stale_after as said_until,
           case when s.quality >= 2 or s.raw is null then 'unknown'
                else coalesce(m.state, 'unknown') end as state,
           case when s.quality < 2 then m.reason_id end as reason_id
    from said s
    left join lateral (
        select state, reason_id from state_map
        where name = s.state_map and raw in (s.raw, '*') order by raw = '*' limit 1
    ) m on true
), lasting as (
    select wid, t as t0, lead(t, 1, w1) over following as t1, state, reason_id,
           case when lead(t) over following is null and wid not in (select wid from said_again)
                then greatest(heard_until, said_until) end as silent_from
    from meant
    window following as (partition by wid order by t, tag_id)
),

-- 2. Where nobody listened, and where nobody was heard: unknown.
gap as materialized (
    select s.wid, range_agg(tstzrange(g.t0, g.t1)) as gaps
    from state_tag s
    cross join lateral (
        select t0, t1 from source_gap
        where source_id = s.source_id and t0 < s.w1 and t1 > s.w0 offset 0
    ) g
    group by s.wid
), masked as (
    select l.wid, l.t0, l.t1, l.state, l.reason_id, l.silent_from,
           tstzmultirange(tstzrange(l.t0, l.t1)) as span,
           coalesce(g.gaps, '{}') + case when l.silent_from < l.t1
               then tstzmultirange(tstzrange(greatest(l.silent_from, l.t0), l.t1)) else '{}' end as hole
    from lasting l left join gap g on g.wid = l.wid
    where l.t0 < l.t1
), known as materialized (
    select m.wid, lower(p.r) as t0, upper(p.r) as t1, p.state, p.reason_id
    from masked m
    cross join lateral (
        select unnest(m.span - m.hole) as r, m.state as state, m.reason_id as reason_id
        union all
        select unnest(m.span * m.hole), 'unknown', null::integer
    ) p
),

-- 3. Intervals: what the windows leave of the stored ones, and the new ones, joined where equal.
stored_interval as materialized (
    select distinct on (i.machine_id, i.t0) i.*
    from work w
    cross join lateral (
        select * from state_interval
        where machine_id = w.machine_id and t0 <= w.w1
          and t0 >= coalesce((select max(t0) from state_interval
                              where machine_id = w.machine_id and t0 < w.w0), w.w0)
          and t1 >= w.w0
        offset 0
    ) i
    order by i.machine_id, i.t0
), covered as (
    select machine_id, range_agg(tstzrange(w0, w1)) as windows, bool_or(tail) as has_tail
    from work group by machine_id
), patch as (
    select w.machine_id, k.t0, k.t1, k.state::element as state, k.reason_id,
           w.tail and k.t1 = w.w1 as is_open
    from known k join work w on w.wid = k.wid
    union all
    select machine_id, lower(r), upper(r), state, reason_id,
           is_open and upper(r) = t1 and not has_tail
    from (
        select i.*, c.has_tail, unnest(tstzmultirange(tstzrange(i.t0, i.t1)) - c.windows) as r
        from stored_interval i join covered c on c.machine_id = i.machine_id
    ) rest
), starts as (
    select *, (t0, state, coalesce(reason_id, 0)) is distinct from (
                  lag(t1) over by_time, lag(state) over by_time, coalesce(lag(reason_id) over by_time, 0)
              ) as is_start
    from patch
    window by_time as (partition by machine_id order by t0)
), islands as (
    select *, count(*) filter (where is_start) over (partition by machine_id order by t0) as island
    from starts
), interval_new as materialized (
    select machine_id, min(t0) as t0, max(t1) as t1, state, reason_id,
           bool_or(is_open) as is_open
    from islands group by machine_id, island, state, reason_id
), interval_gone as (
    delete from state_interval i using stored_interval s
    where i.machine_id = s.machine_id and i.t0 = s.t0
      and not exists (
          select from interval_new n
          where n.machine_id = s.machine_id and n.t0 = s.t0
            and (n.t1, n.state, n.is_open) = (s.t1, s.state, s.is_open)
            and n.reason_id is not distinct from s.reason_id
      )
    returning 1
), interval_added as (
    insert into state_interval (machine_id, t0, t1, state, reason_id, is_open)
    select machine_id, t0, t1, state, reason_id, is_open from interval_new n
    where (select count(*) from interval_gone) >= 0  -- after the deletion
      and not exists (
          select from stored_interval s
          where n.machine_id = s.machine_id and n.t0 = s.t0
            and (n.t1, n.state, n.is_open) = (s.t1, s.state, s.is_open)
            and n.reason_id is not distinct from s.reason_id
      )
    returning 1
), silence as (
    select l.wid, greatest(l.silent_from, l.t0) as since
    from lasting l where l.silent_from < l.t1 and l.t0 < l.t1
), tail_moved as (
    insert into derive_tail as d (machine_id, upto, stale_from)
    select w.machine_id, w.w1,
           -- Silent since before the window: that moment stays.
           case when t.stale_from < w.w0 and s.since is not null then t.stale_from else s.since end
    from work w
    left join silence s on s.wid = w.wid
    left join derive_tail t on t.machine_id = w.machine_id
    where w.tail and (t.machine_id is not null or exists (select from known k where k.wid = w.wid))
    on conflict (machine_id) do update
    set upto = greatest(d.upto, excluded.upto), stale_from = excluded.stale_from
    returning 1
),

-- 4. The context of every moment: calendar slice, operation, ideal cycle.
slice as (
    select w.wid, greatest(c.t0, w.w0) as t0, least(c.t1, w.w1) as t1, c.kind, c.shift_id
    from work w
    cross join lateral (
        select t0, t1, kind, shift_id from calendar_slice
        where calendar_id = w.calendar_id and t0 < w.w1 and t0 > w.w0 - interval '2 days'
          and t1 > w.w0
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
            select valid_from, seconds from ideal_cycle
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
),

-- 5. Cut at minutes.
stretch as (
    select k.wid, greatest(k.t0, c.t0) as t0, least(k.t1, c.t1) as t1,
           case when k.state = 'running' then 'running'
                when c.kind = 'none' then 'not_scheduled'
                when c.kind = 'break' then 'planned_stop'
                else k.state::text end as element,
           c.shift_id, c.operation_id, c.product_id, c.ideal_cycle_s
    from known k join context c on c.wid = k.wid
    where k.t0 < c.t1 and c.t0 < k.t1
), piece as materialized (
    select s.wid, m.ts, greatest(s.t0, m.ts) as t0,
           least(s.t1, m.ts + interval '1 minute') as t1,
           s.element, s.shift_id, s.operation_id, s.product_id, s.ideal_cycle_s
    from stretch s
    cross join lateral generate_series(
        date_bin('1 minute', s.t0, 'epoch'), s.t1 - interval '1 microsecond', interval '1 minute'
    ) as m (ts)
),

-- 6. Pieces: each at its own reading's time.
count_tag as materialized (
    select w.wid, w.machine_id, w.w0, w.w1, t.id as tag_id, t.role, t.counter, t.modulus
    from work w
    join tag t on t.machine_id = w.machine_id and t.role in ('good', 'scrap', 'cycle')
), counted as (
    select c.wid, c.machine_id, c.w0, c.tag_id, c.role, c.counter, c.modulus, r.ts, r.value
    from count_tag c
    cross join lateral (
        (select ts, value from reading
         where tag_id = c.tag_id and ts < c.w0 and quality < 2 and value is not null
         order by ts desc limit 1)
        union all
        select ts, value from reading
        where tag_id = c.tag_id and ts >= c.w0 and ts < c.w1 and quality < 2 and value is not null
        union all
        (select ts, value from reading_kept
         where tag_id = c.tag_id and ts < c.w0 and quality < 2 and value is not null
           and not exists (select from reading where tag_id = c.tag_id and ts < c.w0
                           and quality < 2 and value is not null))
    ) r
), paired as (
    select *, lag(value) over (partition by wid, tag_id order by ts) as before from counted
), difference as (
    select wid, machine_id, tag_id, role, ts,
           case when counter = 'delta' then value
                when before is null then 0
                when value >= before then value - before
                when modulus is not null and before >= 0.9 * modulus and value <= 0.1 * modulus
                then value + modulus - before
                else value end as pieces
    from paired where ts >= w0
), placed as (
    select p.ts, p.wid, p.operation_id, p.product_id, p.shift_id, p.ideal_cycle_s, d.role,
           sum(d.pieces order by d.ts, d.tag_id) as pieces,
           -- Without a counter of good pieces, they are the cycles less the scrap.
           not exists (
               select from tag g where g.machine_id = min(d.machine_id) and g.role = 'good'
                 and (g.retired_at is null or g.retired_at > p.ts)
           ) as good_from_cycles
    from difference d
    join piece p on p.wid = d.wid and p.ts = date_bin('1 minute', d.ts, 'epoch')
     and d.ts >= p.t0 and d.ts < p.t1
    where d.pieces <> 0
    group by p.ts, p.wid, p.operation_id, p.product_id, p.shift_id, p.ideal_cycle_s, d.role
), has_cycle as (
    select distinct wid from count_tag where role = 'cycle'
), made as (
    select p.*,
           case when p.role = 'good' then pieces
                when not p.good_from_cycles or h.wid is null then 0
                when p.role = 'cycle' then pieces
                else -pieces end as good,
           case when p.role = 'scrap' then pieces else 0 end as scrap
    from placed p left join has_cycle h on h.wid = p.wid
),

-- 7. Minutes: what differs from the stored rows is replaced.
part as (
    select wid, ts, operation_id, product_id, shift_id, element,
           date_part('epoch', t1 - t0) as s, 0 as good, 0 as scrap, 0 as ideal_s, 0 as ideal_good_s
    from piece
    union all
    select wid, ts, operation_id, product_id, shift_id, null, 0, good, scrap,
           ideal_cycle_s * (good + scrap), ideal_cycle_s * good
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
           0::double precision as rework,
           round(sum(p.ideal_s) * 1e6) / 1e6 as ideal_s,
           round(sum(p.ideal_good_s) * 1e6) / 1e6 as ideal_good_s
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
    select s.machine_id, s.ts, s.operation_id, s.shift_id
    from minute_stored s
    where not exists (
        select from minute_new n
        where n.machine_id = s.machine_id and n.ts = s.ts and n.operation_id = s.operation_id
          and n.shift_id = s.shift_id and n = s
    )
), minute_gone as (
    delete from machine_1m m using work w
    where m.machine_id = w.machine_id and m.ts >= w.w0 and m.ts < w.w1
      and m.ts >= %(first)s and m.ts < %(last)s
      and (m.machine_id, m.ts, m.operation_id, m.shift_id) in (
          select machine_id, ts, operation_id, shift_id from minute_differs)
    returning m.ts
), minute_added as (
    insert into machine_1m
    select n.* from minute_new n
    where (select count(*) from minute_gone) >= 0  -- after the deletion
      and not exists (
          select from minute_stored s
          where n.machine_id = s.machine_id and n.ts = s.ts and n.operation_id = s.operation_id
            and n.shift_id = s.shift_id and n = s
      )
    returning ts
)
select min(ts), max(ts), count(*)
from (select ts from minute_gone union all select ts from minute_added) changed
group by date_bin('1 hour', ts, 'epoch');

-- name: notify
select pg_notify('taktboard_live', 'derived');
