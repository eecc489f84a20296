-- name: hold
-- Keep live derivation off the machines of one group until the transaction ends.
select pg_advisory_xact_lock(%(key)s::integer, %(group)s::integer);

-- name: free_groups
-- The groups of machines that nobody else derives, ours until the transaction ends.
select coalesce(array_agg(g), '{}') from generate_series(0, %(groups)s::integer - 1) g
where pg_try_advisory_xact_lock(%(key)s::integer, g);

-- name: extent
-- Of a group: how many machines are derived, since when and up to where.
select count(*), min(i.t0), max(t.upto)
from derive_tail t
cross join lateral (
    select t0 from state_interval where machine_id = t.machine_id order by t0 limit 1
) i
where mod(t.machine_id, %(groups)s::integer) = %(group)s::integer;

-- name: try_alone
select pg_try_advisory_xact_lock(%(key)s), (
    select min(t.upto) from derive_tail t join machine m on m.id = t.machine_id
    where m.retired_at is null
);

-- name: plans
-- Sequential scans are never right here, and a plan made while a partition was still empty must
-- not become one. A turn takes as long as it takes: after a long stand-still there is much to do, and
-- the next turn would find more.
select set_config('statement_timeout', '0', true),
       set_config('plan_cache_mode', 'force_generic_plan', true),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('work_mem', '64MB', true),
       set_config('max_parallel_workers_per_gather', '0', true);

-- name: touch
insert into derive_dirty (machine_id, t0, t1) values (%(machine_id)s, %(t0)s, %(t1)s);

-- name: touch_source
insert into derive_dirty (machine_id, t0, t1)
select distinct machine_id, %(t0)s::timestamptz, %(t1)s::timestamptz from tag_span
where source_id = %(source_id)s and role = 'state';

-- name: touch_reported
-- Its difference to the version before, if any, and the next one's to it, unless it says the same.
with come as (
    select e.*,
           (e.body ->> 'good', e.body ->> 'scrap') is distinct from (b.body ->> 'good', b.body ->> 'scrap') as differs
    from order_event e
    left join lateral (
        select id, body from order_event
        where source_id = e.source_id and order_code = e.order_code and operation = e.operation
          and (at, id) < (e.at, e.id)
        order by at desc, id desc limit 1
    ) b on true
    where source_id = %(source_id)s and order_code = %(order_code)s and operation = %(operation)s
      and revision = %(revision)s
), changed as (
    select body ->> 'machine' as machine, at from come where differs
    union
    select * from (
        select e.body ->> 'machine', e.at
        from come c
        join order_event e on e.source_id = c.source_id and e.order_code = c.order_code
         and e.operation = c.operation and (e.at, e.id) > (c.at, c.id)
        where c.differs
        order by e.at, e.id limit 1
    ) following
)
insert into derive_dirty (machine_id, t0, t1)
select m.id, c.at, c.at
from changed c join machine m on m.code = c.machine
where coalesce(m.counts, case when exists (
    select from tag_span where machine_id = m.id and t0 <= c.at and t1 > c.at
      and role in ('good', 'scrap', 'cycle', 'rework', 'start_up_scrap')
) then 'tags' else 'mes' end) = 'mes';

-- name: forget
delete from derive_dirty d
using unnest(%(machine_id)s::integer[], %(t0)s::timestamptz[], %(t1)s::timestamptz[])
    as done (machine_id, t0, t1)
where d.machine_id = done.machine_id and d.t0 >= done.t0 and d.t1 <= done.t1 and d.t1 < %(now)s;

-- name: put_back
insert into derive_dirty (machine_id, t0, t1)
select * from unnest(%(machine_id)s::integer[], %(t0)s::timestamptz[], %(t1)s::timestamptz[]);

-- name: windows
-- What has to be derived again for dirty ranges, in whole minutes: a state lasts until the next
-- reading of it, a count's difference reaches the next reading of that counter. And the machines'
-- tails, from where it is derived to now; from where its source fell silent, if that was heard again.
-- Cut where raw readings begin: what is older has another base.
with floor as materialized (
    select coalesce(max(ts) filter (where relation = 'reading'), '-infinity') as raw,
           coalesce(max(ts) filter (where relation = 'machine_1m'), '-infinity') as minutes
    from retention_floor
), dirty as materialized (
    select * from unnest(%(machine_id)s::integer[], %(t0)s::timestamptz[], %(t1)s::timestamptz[])
        with ordinality as d (machine_id, t0, t1, n)
), state_end as (
    select d.n, min(r.ts) as ts
    from dirty d
    join floor on d.t1 >= floor.raw
    join tag_span t on t.machine_id = d.machine_id and t.role = 'state' and t.t1 > d.t1
    cross join lateral (
        (select ts from reading
         where tag_id = t.tag_id and ts > d.t1 and ts >= t.t0 and ts < t.t1 order by ts limit 1)
        union all
        (select ts from reading_text
         where tag_id = t.tag_id and ts > d.t1 and ts >= t.t0 and ts < t.t1 order by ts limit 1)
    ) r
    group by d.n
), tail as (
    select m.id as machine_id,
           case when s.heard_until > t.stale_from
                then least(t.stale_from, t.upto) else t.upto end as t0
    from derive_tail t
    join machine m on m.id = t.machine_id and m.retired_at is null
     and m.id = any(%(machines)s::integer[])
    left join lateral (
        -- By the tag that spoke last.
        select greatest(st.last_heard, r.ts) + make_interval(secs => so.stale_after_s) as heard_until
        from tag_span g
        join source so on so.id = g.source_id
        left join source_status st on st.source_id = so.id
        cross join lateral (
            select max(ts) as ts from (
                (select ts from reading
                 where tag_id = g.tag_id and ts >= g.t0 and ts < least(g.t1, %(now)s)
                 order by ts desc limit 1)
                union all
                (select ts from reading_text
                 where tag_id = g.tag_id and ts >= g.t0 and ts < least(g.t1, %(now)s)
                 order by ts desc limit 1)
            ) newest
        ) r
        where g.machine_id = m.id and g.role = 'state' and t.stale_from is not null
        order by r.ts desc nulls last, st.last_heard desc nulls last limit 1
    ) s on true
), changed as materialized (
    select d.machine_id, d.t0,
           case when d.t1 < floor.raw then d.t1 else greatest(coalesce(e.ts, 'infinity'), d.t1) end as t1
    from dirty d cross join floor left join state_end e on e.n = d.n
    union all
    select machine_id, t0, 'infinity' from tail
), next_count as (
    select d.machine_id, r.ts, r.ts
    from dirty d
    join tag_span t on t.machine_id = d.machine_id and t.begun <= d.t1 and t.t1 > d.t1
     and t.role in ('good', 'scrap', 'cycle', 'rework', 'start_up_scrap')
    cross join floor
    cross join lateral (
        select ts from reading
        where tag_id = t.tag_id and ts > d.t1 and ts >= t.t0 and ts < least(t.t1, %(now)s)
          and quality < 2 and value is not null
        order by ts limit 1
    ) r
    where d.t1 >= floor.raw
), shared as (
    -- A turn of operations within a count's difference: the running time about it divides the pieces,
    -- and they stand at the turn and at the next reading. (A tail that goes on changes nothing before.)
    select c.machine_id, p.at
    from changed c
    cross join floor
    cross join lateral (
        select started_at as at from operation
        where machine_id = c.machine_id
          and started_at > c.t0 - interval '1 day'
          and started_at < least(c.t1, %(now)s) + interval '1 day'
        union all
        select ended_at from operation
        where machine_id = c.machine_id and coalesce(ended_at, 'infinity') > c.t0 - interval '1 day'
          and coalesce(ended_at, 'infinity') < least(c.t1, %(now)s) + interval '1 day'
        offset 0
    ) o
    join tag_span t on t.machine_id = c.machine_id and t.counter in ('total', 'delta')
     and t.begun < o.at and t.t1 > o.at
     and t.role in ('good', 'scrap', 'cycle', 'rework', 'start_up_scrap')
    cross join lateral (
        (select ts from reading
         where tag_id = t.tag_id and ts < o.at and ts > o.at - interval '1 day'
           and quality < 2 and value is not null
         order by ts desc limit 1)
        union all
        (select ts from reading_kept
         where tag_id = t.tag_id and ts < o.at and ts > o.at - interval '1 day')
        order by ts desc limit 1
    ) b
    cross join lateral (
        select ts from reading
        where tag_id = t.tag_id and ts > o.at and ts < %(now)s and ts < b.ts + interval '1 day'
          and quality < 2 and value is not null
        order by ts limit 1
    ) a
    cross join lateral (
        values (o.at - interval '1 microsecond'), (o.at), (a.ts)
    ) p (at)
    where c.t1 >= floor.raw and a.ts >= c.t0 and b.ts <= c.t1
      and exists (select from derive_tail d where d.machine_id = c.machine_id and d.upto > c.t0
                  union all select from dirty d where d.machine_id = c.machine_id)
), first_word as (
    -- What was told first of operations that began before the machine was known to be heard.
    select c.machine_id, e.at
    from changed c
    join machine m on m.id = c.machine_id and m.counts is distinct from 'tags'
    cross join lateral (
        select t0 from state_interval where machine_id = c.machine_id order by t0 limit 1
    ) heard
    cross join lateral (
        select at from order_event
        where body ->> 'machine' = m.code and at >= c.t0 and at < %(now)s
          and (body ->> 'started_at')::timestamptz < heard.t0
        offset 0
    ) e
    where c.t0 < heard.t0
), minor as (
    -- A stop that ends, or ends elsewhere, becomes a minor one or ceases to be: all of its minutes.
    select c.machine_id, i.t0, c.t0 as t1
    from changed c
    join machine m on m.id = c.machine_id
    cross join lateral (
        select t0, t1, state from state_interval
        where machine_id = c.machine_id and t0 < c.t0 order by t0 desc limit 1
    ) i
    where i.state in ('down', 'idle', 'starved', 'blocked') and i.t1 >= c.t0
      and c.t0 - i.t0 < make_interval(secs => m.micro_stop_s)
    union all
    select c.machine_id, c.t1, i.t1
    from changed c
    join machine m on m.id = c.machine_id
    cross join lateral (
        select t0, t1, state from state_interval
        where machine_id = c.machine_id and t0 <= c.t1 order by t0 desc limit 1
    ) i
    where c.t1 < 'infinity' and i.state in ('down', 'idle', 'starved', 'blocked') and i.t1 > c.t1
      and i.t1 - c.t1 < make_interval(secs => m.micro_stop_s)
), around as (
    -- What the machine said next to a change, where people said something of its stops.
    select c.machine_id, c.t0 as from_t0, c.t1 as upto_t1, m.micro_stop_s,
           coalesce(before.t0, c.t0) as t0, greatest(coalesce(after.t1, c.t1), c.t1) as t1
    from changed c
    join machine m on m.id = c.machine_id
    left join lateral (
        select t0, t1 from state_interval
        where machine_id = c.machine_id and t0 < c.t0 order by t0 desc limit 1
    ) before on before.t1 >= c.t0
    left join lateral (
        select t1 from state_interval
        where c.t1 < 'infinity' and machine_id = c.machine_id and t0 <= c.t1 order by t0 desc limit 1
    ) after on true
    where exists (select from stop_edit where machine_id = c.machine_id)
), joined as (
    select a.*, least(a.t0, e.t0) as j0, greatest(a.t1, e.t1) as j1
    from around a
    cross join lateral (
        select min(case when not is_merge then a.t0 else lower(r) end) as t0,
               max(case when not is_merge then a.t0 else upper(r) end) as t1
        from (
            select unnest(range_agg(tstzrange(t0, t1, '[]'))) as r, kind = 'merge' as is_merge
            from stop_edit_active
            where machine_id = a.machine_id and kind <> 'comment'
              and t1 >= a.t0 - interval '1 day' and t0 <= least(a.t1, %(now)s) + interval '1 day'
            group by kind = 'merge'
        ) said
        where lower(r) <= a.t1 and upper(r) >= a.t0
        having count(*) > 0
    ) e
), edited as (
    -- A reason given to a stop that went on holds to its end, a part of it may become a minor stop, and
    -- so may merged ones: all that the machine said there, all that they join. (An end that moves
    -- on changes no more than what can still be a minor stop.)
    select machine_id, t0, t1 from joined where upto_t1 < 'infinity'
    union all
    select machine_id, greatest(t0, from_t0 - make_interval(secs => micro_stop_s)), from_t0
    from joined where upto_t1 = 'infinity'
    union all
    select j.machine_id, j.j0, greatest(j.j1, i.t1)
    from joined j
    left join lateral (
        select t1 from state_interval
        where machine_id = j.machine_id and t0 < j.j1 order by t0 desc limit 1
    ) i on true
    where j.upto_t1 < 'infinity' or j.from_t0 - j.t0 < make_interval(secs => j.micro_stop_s)
), touched as (
    select machine_id, t0, t1 from changed
    union all
    select * from next_count
    union all
    select machine_id, at, at from shared
    union all
    select machine_id, at, at from first_word
    union all
    select machine_id, t0, t1 from minor
    union all
    select machine_id, t0, t1 from edited
), minutes as (
    select machine_id,
           date_bin('1 minute', greatest(t0, floor.minutes), 'epoch') as t0,
           case when t1 >= %(now)s then %(now)s
                else least(date_bin('1 minute', t1, 'epoch') + interval '1 minute', %(now)s)
           end as t1
    from touched cross join floor
    where t0 < %(now)s
), whole as (
    select machine_id, unnest(range_agg(tstzrange(t0, t1))) as w
    from minutes where t0 < t1 group by machine_id
), cut as (
    select machine_id, lower(w) as t0, least(upper(w), floor.raw) as t1, true as kept
    from whole cross join floor where lower(w) < floor.raw
    union all
    select machine_id, greatest(lower(w), floor.raw), upper(w), false
    from whole cross join floor where upper(w) > floor.raw
)
select machine_id, t0, t1, %(now)s, kept from cut order by machine_id, t0;

-- name: all_windows
-- Of every machine of a group, the derived part of a range; cut where raw readings begin.
with floor as materialized (
    select coalesce(max(ts) filter (where relation = 'reading'), '-infinity') as raw,
           coalesce(max(ts) filter (where relation = 'machine_1m'), '-infinity') as minutes
    from retention_floor
), whole as (
    select machine_id, upto,
           date_bin('1 minute', greatest(%(t0)s::timestamptz, floor.minutes), 'epoch') as t0,
           least(date_bin('1 minute', %(t1)s::timestamptz + interval '59.999999 s', 'epoch'), upto) as t1
    from derive_tail cross join floor
    where mod(machine_id, %(of)s::integer) = %(group)s::integer
), cut as (
    select machine_id, t0, least(t1, floor.raw) as t1, upto, true as kept
    from whole cross join floor where t0 < least(t1, floor.raw)
    union all
    select machine_id, greatest(t0, floor.raw), t1, upto, false
    from whole cross join floor where greatest(t0, floor.raw) < t1
)
select machine_id, t0, t1, upto, kept from cut order by machine_id, t0;

-- name: notify
select pg_notify('taktboard_live', 'derived');
