-- name: is_turn
-- Whether some machine's end lies in the minute [t0, t1), or new facts do.
select exists (
    select from derive_tail
    where upto >= %(t0)s and upto < %(t1)s
      and mod(machine_id, %(of)s::integer) = any(%(groups)s::integer[])
) or exists (select from derive_dirty where t0 >= %(t0)s and t0 < %(t1)s);

-- name: forward
-- The ordinary second. Takes the notes of new facts, and moves on the machines that they tell of and
-- those that rested: where the present minute lies within one open interval, one operation and one
-- slice of one calendar, that is the minute's row, with the pieces that came since, and three ends.
-- Whatever is not plain (a change of state, silence, a gap, a turn, a correction, older facts) is left
-- to the whole derivation, whose rows these are equal to.
-- Gives each machine that was asked for: moved or not, and what was noted of the others.
--
-- One pass by index over the machines asked for, each step a lookup for the one before: no list is
-- joined to a list, so that a plan made once for any values is the right one for all.
with due as materialized (
    select id, machine_id, t0, t1 from derive_dirty
    where t0 < %(now)s and mod(machine_id, %(of)s::integer) = any(%(groups)s::integer[])
    order by t1 desc limit %(limit)s
), taken as (
    delete from derive_dirty d using due where d.id = due.id
), asked as materialized (
    select machine_id, min(t0) as t0
    from (
        select machine_id, t0 from due
        union all
        select machine_id, 'infinity' from derive_tail
        where upto <= %(rested)s
          and (upto < %(now)s or stale_from is not null)  -- its source may be heard again
          and mod(machine_id, %(of)s::integer) = any(%(groups)s::integer[])
          and not exists (select from machine where id = machine_id and retired_at is not null)
    ) reasons
    group by machine_id
), plain as materialized (
    select a.machine_id, t.upto, begun.t0 as begun, begun.state,
           coalesce(o.id, 0) as operation_id, coalesce(o.product_id, 0) as product_id,
           case when s.t1 > %(minute)s then s.kind else 'none' end as kind,
           case when s.t1 > %(minute)s then s.shift_id else 0 end as shift_id,
           coalesce(v.seconds, 0) as ideal_cycle_s, known.rows > 0 as is_known,
           -- To what the row knows, the pieces since are added; sums of whole numbers are exact.
           since.ts is not null as adds, made.newest,
           case when since.ts is null then 0 else known.good end + made.good as good,
           case when since.ts is null then 0 else known.scrap end + made.scrap as scrap,
           case when since.ts is null then 0 else known.rework end + made.rework as rework,
           case when since.ts is null then 0 else known.start_up_scrap end + made.start_up_scrap
               as start_up_scrap
    from asked a
    join derive_tail t on t.machine_id = a.machine_id
    join machine m on m.id = a.machine_id
    cross join lateral (
        select t0, t1, state, reason_id, is_open from state_interval
        where machine_id = a.machine_id order by t0 desc limit 1
    ) begun
    cross join lateral (
        -- As machine_calendar_span has it: the last version that began, else the present one.
        select coalesce(max(calendar_id), m.calendar_id) as calendar_id,
               coalesce(max(valid_from), '-infinity') as since
        from (
            select calendar_id, valid_from from machine_calendar
            where machine_id = a.machine_id and valid_from < %(now)s
            order by valid_from desc limit 1
        ) began
    ) works
    left join lateral (
        select t1, kind, shift_id from calendar_slice
        where calendar_id = works.calendar_id and t0 <= %(minute)s order by t0 desc limit 1
    ) s on true
    left join lateral (
        select id, product_id from operation
        where machine_id = a.machine_id and started_at <= %(minute)s
          and coalesce(ended_at, 'infinity') > %(minute)s
        order by started_at desc, id desc limit 1
    ) o on true
    left join lateral (
        select seconds from ideal_cycle
        where machine_id = a.machine_id and product_id = coalesce(o.product_id, 0)
          and valid_from <= %(minute)s
        order by valid_from desc limit 1
    ) v on true
    cross join lateral (
        select count(*) as rows, max(good) as good, max(scrap) as scrap, max(rework) as rework,
               max(start_up_scrap) as start_up_scrap,
               bool_and((operation_id, shift_id) = (
                   coalesce(o.id, 0), case when s.t1 > %(minute)s then s.shift_id else 0 end)) as is_one
        from machine_1m
        where machine_id = a.machine_id and ts = %(minute)s
    ) known
    cross join lateral (
        select case when t.counted >= %(minute)s and a.t0 > t.counted and known.rows = 1
                     and known.good = floor(known.good) and known.scrap = floor(known.scrap)
                     and known.rework = floor(known.rework)
                     and known.start_up_scrap = floor(known.start_up_scrap)
                    then t.counted end as ts
    ) since
    cross join lateral (
        -- The machine says only what it said, and was heard.
        select count(*) = 1 and bool_and(said.is_same)
               and max(greatest(st.last_heard, said.newest) + make_interval(secs => so.stale_after_s))
                   >= %(now)s
               and not bool_or(exists (
                   select from source_gap
                   where source_id = w.source_id and t0 < %(now)s and t1 > %(minute)s)) as is_quiet
        from tag_span w
        join source so on so.id = w.source_id
        left join source_status st on st.source_id = w.source_id
        cross join lateral (
            select max(r.ts) as newest,
                   coalesce(bool_and(r.quality < 2 and r.raw is not null
                                     and coalesce(x.state, 'unknown') = begun.state
                                     and x.reason_id is not distinct from begun.reason_id), true) as is_same
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
            ) x on true
        ) said
        where w.machine_id = a.machine_id and w.role = 'state'
          and w.t0 <= %(minute)s and w.t1 > %(minute)s
          and not exists (  -- another one, or of another source, which may have said what lasts
              select from tag_span where machine_id = a.machine_id and role = 'state'
                 and (tag_id, source_id) <> (w.tag_id, w.source_id))
    ) heard
    cross join lateral (
        -- What was counted in the minute, or since.
        select count(w.tag_id) > 0 as is_wired, coalesce(bool_and(p.told), true) as is_told,
               min(p.before_ts) as before_ts, max(p.ts) as newest,
               coalesce(sum(case when w.role = 'good' then p.pieces
                                 when w.role = 'rework' or not w.from_cycles then 0
                                 when w.role = 'cycle' then p.pieces
                                 else -p.pieces end), 0) as good,
               coalesce(sum(p.pieces) filter (where w.role in ('scrap', 'start_up_scrap')), 0) as scrap,
               coalesce(sum(p.pieces) filter (where w.role = 'rework'), 0) as rework,
               coalesce(sum(p.pieces) filter (where w.role = 'start_up_scrap'), 0) as start_up_scrap
        from (
            -- A tag means one thing all the minute long.
            select tag_id, role, counter, modulus, begun,
                   bool_or(role = 'cycle') over () and not bool_or(role = 'good') over () as from_cycles
            from tag_span
            where machine_id = a.machine_id and role not in ('state', 'process')
              and t0 <= %(minute)s and t1 > %(minute)s
        ) w
        left join lateral (
            select r.ts, b.ts as before_ts, b.ts is not null as told,
                   pieces_counted(w.counter, w.modulus, b.value, r.value) as pieces
            from reading r
            left join lateral (
                select ts, value from reading
                where tag_id = w.tag_id and ts < r.ts
                  and ts >= greatest(%(minute)s::timestamptz - interval '1 hour', w.begun)
                  and quality < 2 and value is not null
                order by ts desc limit 1
            ) b on true
            where r.tag_id = w.tag_id and r.ts >= %(minute)s and r.ts < %(now)s
              and r.ts > coalesce(since.ts, '-infinity') and r.quality < 2 and r.value is not null
        ) p on true
    ) made
    where t.upto >= %(minute)s and (t.upto < %(now)s or a.t0 < %(now)s) and t.stale_from is null
      and a.t0 >= %(minute)s and a.machine_id <> all(%(but)s::integer[])
      and m.retired_at is null and m.counts is distinct from 'mes'
      and begun.is_open and begun.t0 <= %(minute)s and begun.t1 = t.upto
      and coalesce(known.is_one, true)
      and heard.is_quiet and made.is_wired and made.is_told
      and (since.ts is null
           or (made.good = floor(made.good) and made.scrap = floor(made.scrap)
               and made.rework = floor(made.rework) and made.start_up_scrap = floor(made.start_up_scrap)))
      and not exists (select from count_correction
                      where machine_id = a.machine_id and at >= %(minute)s and at < %(now)s)
      -- What people say of a stop, and what its reason makes of it.
      and not exists (select from stop_edit
                      where machine_id = a.machine_id and t1 >= %(minute)s and t0 < %(now)s)
      and not exists (select from stop_span
                      where machine_id = a.machine_id and t1 is null and element <> begun.state)
      -- One calendar, one operation and one slice all the minute long.
      and works.since <= %(minute)s
      and (s.t1 is null or s.t1 <= %(minute)s or s.t1 >= %(now)s)
      and (s.t1 > %(minute)s or not exists (
              select from calendar_slice
              where calendar_id = works.calendar_id and t0 > %(minute)s and t0 < %(now)s))
      and not exists (
              select from operation where machine_id = a.machine_id
                and started_at > least(made.before_ts, %(minute)s) and started_at < %(now)s)
      and not exists (
              select from operation where machine_id = a.machine_id
                and coalesce(ended_at, 'infinity') > least(made.before_ts, %(minute)s)
                and coalesce(ended_at, 'infinity') < %(now)s)
), row as materialized (
    select %(minute)s::timestamptz as ts, machine_id, operation_id, product_id, shift_id, is_known,
           case when element = 'not_scheduled' then s else 0 end as not_scheduled_s,
           case when element = 'planned_stop' then s else 0 end as planned_stop_s,
           case when element = 'setup' then s else 0 end as setup_s,
           case when element = 'running' then s else 0 end as running_s,
           case when element = 'down' then s else 0 end as down_s,
           case when element = 'idle' then s else 0 end as idle_s,
           case when element = 'starved' then s else 0 end as starved_s,
           case when element = 'blocked' then s else 0 end as blocked_s,
           case when element = 'unknown' then s else 0 end as unknown_s,
           round(good * 1e6) / 1e6 as good, round(scrap * 1e6) / 1e6 as scrap,
           round(rework * 1e6) / 1e6 as rework,
           round(ideal_cycle_s * (good + scrap) * 1e6) / 1e6 as ideal_s,
           round(ideal_cycle_s * good * 1e6) / 1e6 as ideal_good_s,
           round(start_up_scrap * 1e6) / 1e6 as start_up_scrap,
           round(ideal_cycle_s * start_up_scrap * 1e6) / 1e6 as ideal_start_up_s
    from plain
    cross join lateral (
        select date_part('epoch', %(now)s::timestamptz - %(minute)s::timestamptz) as s,
               case when state = 'running' then 'running'
                    when kind = 'none' then 'not_scheduled'
                    when kind <> 'work' then 'planned_stop'
                    else state::text end as element
    ) spent
), made as (
    insert into machine_1m (
        ts, machine_id, operation_id, product_id, shift_id, not_scheduled_s, planned_stop_s, setup_s,
        running_s, down_s, idle_s, starved_s, blocked_s, unknown_s, good, scrap, rework, ideal_s,
        ideal_good_s, start_up_scrap, ideal_start_up_s, minor_s, minor_down_s)
    select ts, machine_id, operation_id, product_id, shift_id, not_scheduled_s, planned_stop_s, setup_s,
           running_s, down_s, idle_s, starved_s, blocked_s, unknown_s, good, scrap, rework, ideal_s,
           ideal_good_s, start_up_scrap, ideal_start_up_s, 0, 0
    from row where not is_known
), grown as (
    update machine_1m m
    set product_id = r.product_id, not_scheduled_s = r.not_scheduled_s,
        planned_stop_s = r.planned_stop_s, setup_s = r.setup_s, running_s = r.running_s,
        down_s = r.down_s, idle_s = r.idle_s, starved_s = r.starved_s, blocked_s = r.blocked_s,
        unknown_s = r.unknown_s, good = r.good, scrap = r.scrap, rework = r.rework,
        ideal_s = r.ideal_s, ideal_good_s = r.ideal_good_s, start_up_scrap = r.start_up_scrap,
        ideal_start_up_s = r.ideal_start_up_s, minor_s = 0, minor_down_s = 0
    from row r
    where r.is_known and m.machine_id = r.machine_id and m.ts = %(minute)s
      and m.operation_id = r.operation_id and m.shift_id = r.shift_id
), reached as (
    update state_interval i set t1 = %(now)s from plain p
    where i.machine_id = p.machine_id and i.t0 = p.begun and p.upto < %(now)s
), moved as (
    update derive_tail t
    set upto = %(now)s,
        counted = case when %(now)s < %(minute)s::timestamptz + interval '1 minute'
                       then coalesce(p.newest, case when p.adds then t.counted end) end
    from plain p
    where t.machine_id = p.machine_id and p.upto < %(now)s
), kept as (
    -- What lies ahead; and where the next minute is derived already, the difference at its first count.
    insert into derive_dirty (machine_id, t0, t1)
    select d.machine_id, %(now)s, greatest(d.t1, %(now)s)
    from due d join plain p on p.machine_id = d.machine_id
    where p.upto >= %(now)s or (d.t1 >= %(now)s and d.t1 < '9999-12-31')
)
select machine_id, true, null::timestamptz, null::timestamptz from plain
union all
select machine_id, false, greatest(t0, timestamptz '1970-01-01'), least(t1, timestamptz '9999-12-31')
from due where machine_id not in (select machine_id from plain)
union all
select machine_id, false, null, null
from asked where t0 = 'infinity' and machine_id not in (select machine_id from plain);
