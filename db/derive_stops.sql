-- Parts of the derivation: what people said of stops, applied to what the machines said. Each stop
-- once in stop_span, as db/derive_statement.py strings them together.
--
-- What the machine said is cut where an edit begins, ends or splits it. A piece takes the last
-- assigned reason that covers it; the reason's element, if it has one, is the piece's. Neighbouring
-- pieces are one stop where the machine said the same, they have the same reason and nothing splits
-- them, or where a merge reaches over both that is newer than any split between them.

-- name: stops
edit as materialized (
    select e.id, e.machine_id, e.kind, e.t0, e.t1, e.is_open, e.reason_id
    from (select machine_id, min(t0) as t0, max(t1) as t1 from interval_new group by machine_id) s
    cross join lateral (
        select * from stop_edit_active
        where machine_id = s.machine_id and kind <> 'comment'
          and t1 >= s.t0 - interval '1 day' and t0 <= s.t1 + interval '1 day'
        offset 0
    ) e
), merged as (
    select machine_id, unnest(range_agg(tstzrange(t0, t1))) as whole
    from edit where kind = 'merge' group by machine_id
), spoken as materialized (
    select machine_id, t0, t1, state, reason_id, is_open from interval_new
    union
    select i.machine_id, i.t0, i.t1, i.state, i.reason_id, i.is_open
    from merged m
    cross join lateral (
        select * from state_interval
        where machine_id = m.machine_id and t0 < upper(m.whole) and t1 > lower(m.whole)
          and t0 >= coalesce((select max(t0) from state_interval
                              where machine_id = m.machine_id and t0 <= lower(m.whole)), '-infinity')
        offset 0
    ) i
    where (i.machine_id, i.t0) not in (select machine_id, t0 from stored_interval)
), halted as materialized (
    select * from spoken
    where state in ('planned_stop', 'setup', 'down', 'idle', 'starved', 'blocked')
), bound as (
    select machine_id, t0 as said_from, t0 as at from halted
    union
    select h.machine_id, h.t0, b.at
    from halted h
    join edit e on e.machine_id = h.machine_id and e.kind in ('assign', 'split')
    cross join lateral (values (e.t0), (case when not e.is_open then e.t1 end)) b (at)
    where b.at > h.t0 and b.at < h.t1
), cut as (
    select h.machine_id, h.t0 as said_from, h.t1 as said_upto, h.state, h.reason_id, b.at as t0,
           lead(b.at, 1, h.t1) over following as t1,
           h.is_open and lead(b.at) over following is null as is_open
    from bound b
    join halted h on h.machine_id = b.machine_id and h.t0 = b.said_from
    window following as (partition by b.machine_id, b.said_from order by b.at)
), assigned as materialized (
    select distinct on (c.machine_id, c.t0) c.machine_id, c.t0, e.reason_id
    from cut c
    join edit e on e.machine_id = c.machine_id and e.kind = 'assign' and e.t0 <= c.t0
     and (e.t1 >= c.t1 or (e.is_open and e.t1 > c.said_from and e.t1 <= c.said_upto))
    order by c.machine_id, c.t0, e.id desc
), explained as (
    select c.machine_id, c.said_from, c.t0, c.t1, c.is_open,
           coalesce(r.element, c.state) as element, r.id as reason_id,
           case when a.reason_id is not null then 'operator'
                when c.reason_id is not null then 'machine' end as said_by
    from cut c
    left join assigned a on a.machine_id = c.machine_id and a.t0 = c.t0
    left join reason r on r.id = coalesce(a.reason_id, c.reason_id)
), split as (
    select machine_id, t0, max(id) as id from edit where kind = 'split' group by machine_id, t0
), joined as (
    select e.*, not coalesce(
               (lag(e.t1) over by_time = e.t0 and s.id is null
                and lag(e.said_from) over by_time = e.said_from
                and lag(e.element) over by_time = e.element
                and lag(e.reason_id) over by_time is not distinct from e.reason_id
                and lag(e.said_by) over by_time is not distinct from e.said_by)
               or exists (
                   select from edit m
                   where m.machine_id = e.machine_id and m.kind = 'merge' and m.t1 > e.t0
                     and m.t0 < e.before and m.id > coalesce(s.id, 0)
               ), false) as begins
    from (
        select *, lag(t1) over (partition by machine_id order by t0) as before from explained
    ) e
    left join split s on s.machine_id = e.machine_id and s.t0 = e.t0
    window by_time as (partition by e.machine_id order by e.t0)
), numbered as (
    select *, count(*) filter (where begins) over (partition by machine_id order by t0) as stop
    from joined
), summed as materialized (
    select n.*, bool_or(is_open) over one as goes_on, sum(t1 - t0) over one as stopped
    from numbered n
    window one as (partition by machine_id, stop)
), halt as materialized (
    select s.machine_id, s.t0, s.t1, s.element, s.stop, s.reason_id, s.said_by, s.goes_on, s.stopped,
           not s.goes_on and s.stopped < w.micro_stop as is_short
    from summed s
    join (select distinct machine_id, micro_stop from work) w on w.machine_id = s.machine_id
), stop_new as materialized (
    select machine_id, t0, t1, element, reason_id, said_by,
           is_short and element in ('down', 'idle', 'starved', 'blocked') as is_minor, between_s
    from (
        select distinct on (machine_id, stop) machine_id,
               min(t0) over one as t0,
               case when goes_on then null else max(t1) over one end as t1,
               element, reason_id, said_by, is_short,
               date_part('epoch', max(t1) over one - min(t0) over one - stopped) as between_s
        from halt
        window one as (partition by machine_id, stop)
        -- Of a merged stop's reasons: an operator's before a machine's, the earliest of them. (Not the
        -- longest: a stop that goes on would change its reason by going on.)
        order by machine_id, stop, reason_id is null, said_by = 'machine', halt.t0
    ) whole
), halt_extent as (
    select machine_id, unnest(range_agg(tstzrange(t0, t1))) as whole
    from (
        select machine_id, t0, t1 from spoken
        union all
        select machine_id, t0, t1 from stored_interval
    ) known
    group by machine_id
), stop_stored as materialized (
    select s.*
    from halt_extent e
    cross join lateral (
        select * from stop_span
        where machine_id = e.machine_id and t0 >= lower(e.whole) and t0 < upper(e.whole)
        offset 0
    ) s
), stop_gone as (
    delete from stop_span d using stop_stored s
    where d.machine_id = s.machine_id and d.t0 = s.t0
      and not exists (
          select from stop_new n where n.machine_id = s.machine_id and n.t0 = s.t0 and n = s)
    returning 1
), stop_added as (
    insert into stop_span
    select n.* from stop_new n
    where (select count(*) from stop_gone) >= 0  -- after the deletion
      and not exists (
          select from stop_stored s where n.machine_id = s.machine_id and n.t0 = s.t0 and n = s)
    returning 1
)
