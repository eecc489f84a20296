-- name: forward
-- The ordinary second: machines whose present minute lies within one open interval, one operation and
-- one slice of the calendar need their minute's row alone, and their ends moved. Whatever is not plain
-- (a change of state, silence, a gap, a turn, a correction, older facts) is left to the whole
-- derivation, whose rows these are equal to. Gives the machines that were moved.
with late as materialized (
    select distinct machine_id
    from unnest(%(machine_id)s::integer[], %(t0)s::timestamptz[]) as d (machine_id, t0)
    where t0 < %(minute)s
), calm as materialized (
    select t.machine_id, m.calendar_id, i.t0 as begun, i.state, i.reason_id
    from derive_tail t
    join machine m on m.id = t.machine_id and m.retired_at is null
     and mod(m.id, %(of)s::integer) = any(%(groups)s::integer[])
    cross join lateral (
        select t0, t1, state, reason_id, is_open from state_interval
        where machine_id = t.machine_id order by t0 desc limit 1
    ) i
    where t.upto >= %(minute)s and t.upto < %(now)s and t.stale_from is null
      and i.is_open and i.t0 <= %(minute)s and i.t1 = t.upto
      and m.counts is distinct from 'mes'
      and t.machine_id not in (select machine_id from late)
      and not exists (select from count_correction
                      where machine_id = t.machine_id and at >= %(minute)s and at < %(now)s)
      -- What people say of a stop, and what its reason makes of it.
      and not exists (select from stop_edit
                      where machine_id = t.machine_id and t1 >= %(minute)s and t0 < %(now)s)
      and not exists (select from stop_span
                      where machine_id = t.machine_id and stop_span.t1 is null and element <> i.state)
), wired as materialized (
    -- With all that is asked of a tag's machine: the planner, who takes these lists for short, would
    -- join them by comparing each with each.
    select c.machine_id, c.state, c.reason_id, t.id as tag_id, t.role, t.counter, t.modulus, t.state_map,
           t.source_id, bool_or(t.role = 'cycle') over one as has_cycle,
           max(coalesce(t.retired_at, 'infinity')) filter (where t.role = 'good') over one as good_until
    from calm c join tag t on t.machine_id = c.machine_id and t.role <> 'process'
    window one as (partition by c.machine_id)
),

-- 1. Nothing new was said, and the source was heard.
quiet as materialized (
    select w.machine_id
    from wired w
    join source so on so.id = w.source_id
    left join source_status st on st.source_id = w.source_id
    cross join lateral (
        select max(r.ts) as last,
               coalesce(bool_and(r.quality < 2 and r.raw is not null
                                 and coalesce(m.state, 'unknown') = w.state
                                 and m.reason_id is not distinct from w.reason_id), true) as the_same
        from (
            select ts, value::text as raw, quality from reading
            where tag_id = w.tag_id and ts >= %(minute)s and ts < %(now)s
            union all
            select ts, value, quality from reading_text
            where tag_id = w.tag_id and ts >= %(minute)s and ts < %(now)s
            offset 0
        ) r
        left join lateral (
            select state, reason_id from state_map
            where name = w.state_map and raw in (r.raw, '*') order by raw = '*' limit 1
        ) m on true
    ) said
    where w.role = 'state'
    group by w.machine_id
    having bool_and(said.the_same)
       and bool_and(not exists (
               select from source_gap
               where source_id = w.source_id and t0 < %(now)s and t1 > %(minute)s))
       -- Where it says only what it said, it must have been heard.
       and coalesce(max(greatest(st.last_heard, said.last) + make_interval(secs => so.stale_after_s))
                    >= %(now)s, false)
       and count(*) = 1
),

-- 2. What was counted in the minute.
found as materialized (
    select w.machine_id, w.tag_id, w.role, w.counter, w.modulus, w.has_cycle, w.good_until, r.ts, r.value,
           lag(r.value) over by_time as before, lag(r.ts) over by_time as before_ts
    from wired w
    cross join lateral (
        select ts, value from reading
        where tag_id = w.tag_id and ts >= %(minute)s and ts < %(now)s and quality < 2 and value is not null
        union all
        (select ts, value from reading
         where tag_id = w.tag_id and ts < %(minute)s and ts >= %(minute)s::timestamptz - interval '1 hour'
           and quality < 2 and value is not null
         order by ts desc limit 1)
        offset 0
    ) r
    where w.role <> 'state'
    window by_time as (partition by w.tag_id order by r.ts)
), wiring as (
    select distinct machine_id from wired where role <> 'state'
), counted as materialized (
    select f.machine_id, min(f.before_ts) as since, bool_and(f.before_ts is not null) as told,
           sum(case when f.role = 'good' then p.pieces
                    when f.role = 'rework' or not f.has_cycle or f.good_until > %(minute)s then 0
                    when f.role = 'cycle' then p.pieces
                    else -p.pieces end) as good,
           sum(p.pieces) filter (where f.role in ('scrap', 'start_up_scrap')) as scrap,
           sum(p.pieces) filter (where f.role = 'rework') as rework,
           sum(p.pieces) filter (where f.role = 'start_up_scrap') as start_up_scrap
    from found f
    cross join lateral (
        select pieces_counted(f.counter, f.modulus, f.before, f.value) as pieces
    ) p
    where f.ts >= %(minute)s
    group by f.machine_id
),

-- 3. One operation and one slice all the minute long.
-- (Brought together by one aggregation: the planner, without statistics, would loop over lists.)
together as materialized (
    select machine_id, max(calendar_id) as calendar_id, max(begun) as begun, max(state) as state,
           min(since) as since, bool_and(told) as told, max(good) as good, max(scrap) as scrap,
           max(rework) as rework, max(start_up_scrap) as start_up_scrap
    from (
        select machine_id, calendar_id, begun, state::text, false as is_quiet, false as is_wired,
               null::timestamptz as since, true as told, null::double precision as good,
               null::double precision as scrap, null::double precision as rework,
               null::double precision as start_up_scrap
        from calm
        union all
        select machine_id, null, null, null, true, false, null, true, null, null, null, null from quiet
        union all
        select machine_id, null, null, null, false, true, null, true, null, null, null, null from wiring
        union all
        select machine_id, null, null, null, false, false, since, told, good, scrap, rework, start_up_scrap
        from counted
    ) known
    group by machine_id
    having bool_or(is_quiet) and bool_or(is_wired)
), plain as materialized (
    select c.machine_id, c.begun, c.state, c.good, c.scrap, c.rework, c.start_up_scrap,
           coalesce(o.id, 0) as operation_id, coalesce(o.product_id, 0) as product_id,
           case when s.t1 > %(minute)s then s.kind else 'none' end as kind,
           case when s.t1 > %(minute)s then s.shift_id else 0 end as shift_id
    from together c
    left join lateral (
        select t1, kind, shift_id from calendar_slice
        where calendar_id = c.calendar_id and t0 <= %(minute)s order by t0 desc limit 1
    ) s on true
    left join lateral (
        select id, product_id from operation
        where machine_id = c.machine_id and started_at <= %(minute)s
          and coalesce(ended_at, 'infinity') > %(minute)s
        order by started_at desc, id desc limit 1
    ) o on true
    where c.told
      and (s.t1 is null or s.t1 <= %(minute)s or s.t1 >= %(now)s)
      and (s.t1 > %(minute)s or not exists (
              select from calendar_slice where calendar_id = c.calendar_id
                and t0 > %(minute)s and t0 < %(now)s))
      and not exists (
              select from operation where machine_id = c.machine_id
                and started_at > least(c.since, %(minute)s) and started_at < %(now)s)
      and not exists (
              select from operation where machine_id = c.machine_id
                and coalesce(ended_at, 'infinity') > least(c.since, %(minute)s)
                and coalesce(ended_at, 'infinity') < %(now)s)
), row as materialized (
    select p.*, coalesce(v.seconds, 0) as ideal_cycle_s,
           date_part('epoch', %(now)s::timestamptz - %(minute)s::timestamptz) as s,
           case when p.state = 'running' then 'running'
                when p.kind = 'none' then 'not_scheduled'
                when p.kind = 'break' then 'planned_stop'
                else p.state end as element
    from plain p
    left join lateral (
        select seconds from ideal_cycle
        where machine_id = p.machine_id and product_id = p.product_id
          and valid_from <= %(minute)s
        order by valid_from desc limit 1
    ) v on true
    where not exists (
        select from machine_1m m
        where m.machine_id = p.machine_id and m.ts = %(minute)s
          and (m.operation_id, m.shift_id) <> (p.operation_id, p.shift_id))
), written as (
    insert into machine_1m (
        ts, machine_id, operation_id, product_id, shift_id, not_scheduled_s, planned_stop_s, setup_s,
        running_s, down_s, idle_s, starved_s, blocked_s, unknown_s, good, scrap, rework, ideal_s,
        ideal_good_s, start_up_scrap, ideal_start_up_s, minor_s, minor_down_s)
    select %(minute)s, machine_id, operation_id, product_id, shift_id,
           case element when 'not_scheduled' then s else 0 end,
           case element when 'planned_stop' then s else 0 end,
           case element when 'setup' then s else 0 end,
           case element when 'running' then s else 0 end,
           case element when 'down' then s else 0 end,
           case element when 'idle' then s else 0 end,
           case element when 'starved' then s else 0 end,
           case element when 'blocked' then s else 0 end,
           case element when 'unknown' then s else 0 end,
           coalesce(round(good * 1e6) / 1e6, 0), coalesce(round(scrap * 1e6) / 1e6, 0),
           coalesce(round(rework * 1e6) / 1e6, 0),
           coalesce(round(ideal_cycle_s * (coalesce(good, 0) + coalesce(scrap, 0)) * 1e6) / 1e6, 0),
           coalesce(round(ideal_cycle_s * good * 1e6) / 1e6, 0),
           coalesce(round(start_up_scrap * 1e6) / 1e6, 0),
           coalesce(round(ideal_cycle_s * start_up_scrap * 1e6) / 1e6, 0), 0, 0
    from row
    on conflict (machine_id, ts, operation_id, shift_id) do update
    set product_id = excluded.product_id, not_scheduled_s = excluded.not_scheduled_s,
        planned_stop_s = excluded.planned_stop_s, setup_s = excluded.setup_s,
        running_s = excluded.running_s, down_s = excluded.down_s, idle_s = excluded.idle_s,
        starved_s = excluded.starved_s, blocked_s = excluded.blocked_s,
        unknown_s = excluded.unknown_s, good = excluded.good, scrap = excluded.scrap,
        rework = excluded.rework, ideal_s = excluded.ideal_s, ideal_good_s = excluded.ideal_good_s,
        start_up_scrap = excluded.start_up_scrap, ideal_start_up_s = excluded.ideal_start_up_s,
        minor_s = 0, minor_down_s = 0
    returning 1
), reached as (
    update state_interval i set t1 = %(now)s from row r
    where i.machine_id = r.machine_id and i.t0 = r.begun
    returning 1
), moved as (
    update derive_tail t set upto = %(now)s from row r where t.machine_id = r.machine_id
    returning 1
)
select machine_id from row;
