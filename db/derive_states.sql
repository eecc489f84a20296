-- Parts of the derivation: what the machines said. Each part is a list of named queries, which
-- db/derive_statement.py strings together.

-- name: work
-- The windows, and what is known of their machines.
work as materialized (
    select w.wid::integer, w.machine_id, w.w0, w.w1, w.upto, w.w1 = w.upto as tail,
           m.code as machine, m.calendar_id, make_interval(secs => m.micro_stop_s) as micro_stop,
           -- When its pieces are counted by tags; else the business system tells them.
           case m.counts when 'mes' then '{}' when 'tags' then '{(,)}' else coalesce((
               select range_agg(tstzrange(t0, t1)) from tag_span
               where machine_id = m.id and role in ('good', 'scrap', 'cycle', 'rework', 'start_up_scrap')
           ), '{}') end as by_tags
    from unnest(%(machine_id)s::integer[], %(w0)s::timestamptz[], %(w1)s::timestamptz[],
                %(upto)s::timestamptz[]) with ordinality as w (machine_id, w0, w1, upto, wid)
    join machine m on m.id = w.machine_id
)

-- name: said
-- What the machine said: the reading before the window, and those within it. Where nobody listened,
-- and where nobody was heard: unknown.
state_tag as materialized (
    select w.*, t.tag_id, t.state_map, t.source_id, t.t0 as since, t.t1 as until,
           st.last_heard, make_interval(secs => so.stale_after_s) as stale_after
    from work w
    join tag_span t on t.machine_id = w.machine_id and t.role = 'state'
    join source so on so.id = t.source_id
    left join source_status st on st.source_id = t.source_id
), said_again as materialized (
    select distinct s.wid
    from state_tag s
    cross join lateral (
        (select ts from reading
         where tag_id = s.tag_id and ts >= greatest(s.w1, s.since) and ts < least(s.upto, s.until)
         order by ts limit 1)
        union all
        (select ts from reading_text
         where tag_id = s.tag_id and ts >= greatest(s.w1, s.since) and ts < least(s.upto, s.until)
         order by ts limit 1)
    ) r
    where not s.tail
), said as (
    select * from (
        select distinct on (s.wid) s.wid, s.w0 as t, s.w1, s.tag_id, s.state_map,
               s.last_heard, s.stale_after, r.ts, r.raw, r.quality
        from state_tag s
        cross join lateral (
            (select ts, value::text as raw, quality from reading
             where tag_id = s.tag_id and ts <= s.w0 and ts >= s.since and ts < s.until
             order by ts desc limit 1)
            union all
            (select ts, value, quality from reading_text
             where tag_id = s.tag_id and ts <= s.w0 and ts >= s.since and ts < s.until
             order by ts desc limit 1)
            union all
            (select ts, coalesce(text, value::text), quality from reading_kept
             where tag_id = s.tag_id and ts <= s.w0 and ts >= s.since and ts < s.until)
        ) r
        order by s.wid, r.ts desc, s.tag_id desc
    ) before
    union all
    select s.wid, r.ts, s.w1, s.tag_id, s.state_map,
           s.last_heard, s.stale_after, r.ts, r.raw, r.quality
    from state_tag s
    cross join lateral (
        select ts, value::text as raw, quality from reading
        where tag_id = s.tag_id and ts > s.w0 and ts < s.w1 and ts >= s.since and ts < s.until
        union all
        select ts, value, quality from reading_text
        where tag_id = s.tag_id and ts > s.w0 and ts < s.w1 and ts >= s.since and ts < s.until
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
gap as materialized (
    select s.wid, range_agg(tstzrange(greatest(g.t0, s.since), least(g.t1, s.until))) as gaps
    from state_tag s
    cross join lateral (
        select t0, t1 from source_gap
        where source_id = s.source_id and t0 < s.w1 and t1 > s.w0 offset 0
    ) g
    where g.t0 < s.until and g.t1 > s.since
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
)

-- name: stored_intervals
-- What is stored in the windows, and next to them.
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
)

-- name: kept
-- Windows older than raw readings: what was derived while there were any.
known as materialized (
    select w.wid, greatest(i.t0, w.w0) as t0, least(i.t1, w.w1) as t1, i.state::text as state, i.reason_id
    from work w
    join stored_interval i on i.machine_id = w.machine_id and i.t0 < w.w1 and i.t1 > w.w0
), interval_new as materialized (
    select machine_id, t0, t1, state, reason_id, is_open from stored_interval
)

-- name: intervals
-- What the windows leave of the stored intervals, and the new ones, joined where equal.
patch as (
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
    insert into derive_tail as d (machine_id, upto, stale_from, counted)
    select w.machine_id, w.w1,
           -- Silent since before the window: that moment stays.
           case when t.stale_from < w.w0 and s.since is not null then t.stale_from else s.since end, (
               select max(r.ts)
               from tag_span g
               cross join lateral (
                   select ts from reading
                   where tag_id = g.tag_id and ts >= greatest(date_bin('1 minute', w.w1, 'epoch'), g.t0)
                     and ts < least(w.w1, g.t1)
                     and quality < 2 and value is not null
                   order by ts desc limit 1
               ) r
               where g.machine_id = w.machine_id
                 and g.role in ('good', 'scrap', 'cycle', 'rework', 'start_up_scrap')
           )
    from work w
    left join silence s on s.wid = w.wid
    left join derive_tail t on t.machine_id = w.machine_id
    where w.tail and (t.machine_id is not null or exists (select from known k where k.wid = w.wid))
    on conflict (machine_id) do update
    set upto = greatest(d.upto, excluded.upto), stale_from = excluded.stale_from,
        counted = excluded.counted
    returning 1
)
