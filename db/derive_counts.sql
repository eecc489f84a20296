-- Parts of the derivation: pieces, each at a moment (`tally`), as db/derive_statement.py strings them
-- together.

-- name: counted
-- By tags: the difference to the reading before, at the reading's own time and as the tag meant then.
wiring as materialized (
    -- When cycles stood for good pieces.
    select w.wid, range_agg(tstzrange(t.t0, t.t1)) filter (where t.role = 'cycle')
                  - coalesce(range_agg(tstzrange(t.t0, t.t1)) filter (where t.role = 'good'), '{}') as from_cycles
    from work w
    join tag_span t on t.machine_id = w.machine_id and t.role in ('good', 'cycle')
    group by w.wid
), count_tag as materialized (
    select w.wid, w.machine_id, w.w0, w.w1, w.upto, t.tag_id, t.role, t.counter, t.modulus,
           t.t0 as since, t.t1 as until, t.begun
    from work w
    join tag_span t on t.machine_id = w.machine_id and t.t1 > w.w0 and t.begun < w.w1
     and t.role in ('good', 'scrap', 'cycle', 'rework', 'start_up_scrap')
    where not isempty(w.by_tags)
), counted as (
    select c.wid, c.tag_id, c.since, c.from_ts, c.role, c.counter, c.modulus, r.ts, r.value
    from (select *, greatest(w0, since) as from_ts from count_tag) c
    cross join lateral (
        (select ts, value from reading
         where tag_id = c.tag_id and ts < c.from_ts and ts >= c.begun and quality < 2 and value is not null
         order by ts desc limit 1)
        union all
        select ts, value from reading
        where tag_id = c.tag_id and ts >= c.from_ts and ts < least(c.w1, c.until)
          and quality < 2 and value is not null
        union all
        (select ts, value from reading_kept
         where tag_id = c.tag_id and ts < c.from_ts and ts >= c.begun and quality < 2 and value is not null
           and not exists (select from reading where tag_id = c.tag_id and ts < c.from_ts
                           and ts >= c.begun and quality < 2 and value is not null))
    ) r
), paired as (
    select *, lag(value) over (partition by wid, tag_id, since order by ts) as before from counted
)

-- name: turns
-- Where another operation began between two readings: the difference is divided by the running time
-- before and after, whole pieces by largest remainder; one piece is not. A part stands at the end of
-- its operation's stretch.
turn as materialized (
    select distinct w.wid, o.at
    from work w
    cross join lateral (
        select started_at as at from operation
        where machine_id = w.machine_id
          and started_at > w.w0 - interval '1 day' and started_at < least(w.w1 + interval '1 day', w.upto)
        union all
        select ended_at from operation
        where machine_id = w.machine_id and coalesce(ended_at, 'infinity') > w.w0 - interval '1 day'
          and coalesce(ended_at, 'infinity') < least(w.w1 + interval '1 day', w.upto)
        offset 0
    ) o
), crossing as materialized (
    select distinct c.wid, c.machine_id, c.tag_id, c.role, b.ts as before_ts, a.ts,
           pieces_counted(c.counter, c.modulus, b.value, a.value) as pieces
    from turn t
    join count_tag c on c.wid = t.wid and c.counter in ('total', 'delta')
    cross join lateral (
        (select ts, value from reading
         where tag_id = c.tag_id and ts <= t.at and ts > t.at - interval '1 day' and ts >= c.begun
           and quality < 2 and value is not null
         order by ts desc limit 1)
        union all
        (select ts, value from reading_kept
         where tag_id = c.tag_id and ts <= t.at and ts > t.at - interval '1 day' and ts >= c.begun
           and quality < 2 and value is not null)
        order by ts desc limit 1
    ) b
    cross join lateral (
        select ts, value from reading
        where tag_id = c.tag_id and ts > t.at and ts < c.upto and ts < b.ts + interval '1 day'
          and quality < 2 and value is not null
        order by ts limit 1
    ) a
    where b.ts < t.at and b.ts < c.w1 and a.ts >= c.w0 and a.ts >= c.since and a.ts < c.until
      and pieces_counted(c.counter, c.modulus, b.value, a.value) > 1
), ran as materialized (
    -- When the machines of those ran: in the windows as found now, elsewhere as stored.
    select c.wid, c.tag_id, c.before_ts, (
        select coalesce(range_agg(r), '{}') from (
            select tstzrange(k.t0, k.t1) as r
            from work w join known k on k.wid = w.wid and k.state = 'running'
            where w.machine_id = c.machine_id and k.t0 < c.ts and k.t1 > c.before_ts
            union all
            select unnest(tstzmultirange(tstzrange(i.t0, i.t1)) - d.windows)
            from state_interval i
            join (select machine_id, range_agg(tstzrange(w0, w1)) as windows
                  from work group by machine_id) d on d.machine_id = i.machine_id
            where i.machine_id = c.machine_id and i.state = 'running' and i.t0 < c.ts
              and i.t1 > c.before_ts and i.t0 > c.before_ts - interval '30 days'
        ) spells
    ) as spells
    from crossing c
), segment as (
    select wid, tag_id, role, before_ts, ts, pieces, at as t0,
           lead(at, 1, ts) over (partition by wid, tag_id, before_ts order by at) as t1
    from (
        select c.*, c.before_ts as at from crossing c
        union all
        select c.*, t.at from crossing c join turn t on t.wid = c.wid
        where t.at > c.before_ts and t.at < c.ts
    ) ends
), weighed as (
    select s.*, date_part('epoch', s.t1 - s.t0) as lasted, (
        select coalesce(sum(date_part('epoch', upper(r) - lower(r))), 0)
        from unnest(x.spells * tstzmultirange(tstzrange(s.t0, s.t1))) as r
    ) as running
    from segment s
    join ran x on x.wid = s.wid and x.tag_id = s.tag_id and x.before_ts = s.before_ts
), quota as (
    select *, pieces * case when sum(running) over whole > 0
                            then running / sum(running) over whole
                            else lasted / sum(lasted) over whole end as share
    from weighed
    window whole as (partition by wid, tag_id, before_ts)
), portion as (
    select wid, tag_id, role, before_ts, case when t1 = ts then ts else t1 - interval '1 microsecond' end as at,
           case when pieces <> floor(pieces) then share
                else floor(share + 1e-9) + (row_number() over (
                         partition by wid, tag_id, before_ts
                         order by round((share - floor(share + 1e-9)) * 1e9) desc, t1 desc
                     ) <= pieces - sum(floor(share + 1e-9)) over (
                         partition by wid, tag_id, before_ts))::int
           end as pieces
    from quota
), difference as (
    select p.wid, p.tag_id, p.role, p.ts, pieces_counted(p.counter, p.modulus, p.before, p.value) as pieces
    from paired p
    where p.ts >= p.from_ts and not exists (
        select from crossing c where c.wid = p.wid and c.tag_id = p.tag_id and c.ts = p.ts)
    union all
    select p.wid, p.tag_id, p.role, p.at, p.pieces
    from portion p join work w on w.wid = p.wid
    where p.at >= w.w0 and p.at < w.w1
)

-- name: tally
-- What was counted, by kind. Without a counter of good pieces, they are the cycles less the scrap.
tally as (
    select d.wid, d.ts,
           case when d.role = 'good' then d.pieces
                when d.role = 'rework' or not coalesce(w.from_cycles @> d.ts, false) then 0
                when d.role = 'cycle' then d.pieces
                else -d.pieces end as good,
           case when d.role in ('scrap', 'start_up_scrap') then d.pieces else 0 end as scrap,
           case when d.role = 'rework' then d.pieces else 0 end as rework,
           case when d.role = 'start_up_scrap' then d.pieces else 0 end as start_up_scrap
    from difference d left join wiring w on w.wid = d.wid
    where d.pieces <> 0
    union all
    select w.wid, c.at, c.good, c.scrap, c.rework, 0
    from work w
    join count_correction c on c.machine_id = w.machine_id and c.at >= w.w0 and c.at < w.w1
    union all
    select wid, at, good, scrap, 0, 0 from reported
), settled as (
    delete from count_correction_due d using count_correction c, work w
    where c.id = d.id and w.machine_id = c.machine_id and c.at >= w.w0 and c.at < w.w1
    returning 1
)

-- name: reported
-- By a business system: the difference to its version before, at the time it gives; less is a
-- correction. The first version counts whole where the operation began while the machine was heard;
-- of one that began before, nobody knows what it had made by then.
first_heard as materialized (
    select m.machine_id, least(s.t0, m.t0) as at
    from (
        select w.machine_id, min(k.t0) as t0 from work w left join known k on k.wid = w.wid group by w.machine_id
    ) m
    cross join lateral (select min(t0) as t0 from state_interval where machine_id = m.machine_id) s
), reported as (
    select w.wid, e.at, (e.body ->> 'good')::double precision - b.good as good,
           (e.body ->> 'scrap')::double precision - b.scrap as scrap
    from work w
    join first_heard h on h.machine_id = w.machine_id
    cross join lateral (
        select * from order_event
        where body ->> 'machine' = w.machine and at >= w.w0 and at < w.w1
        offset 0
    ) e
    cross join lateral (
        (select (body ->> 'good')::double precision as good, (body ->> 'scrap')::double precision as scrap,
                at, id
         from order_event
         where source_id = e.source_id and order_code = e.order_code and operation = e.operation
           and (at, id) < (e.at, e.id)
         order by at desc, id desc limit 1)
        union all
        select 0, 0, '-infinity', 0 where (e.body ->> 'started_at')::timestamptz >= h.at
        order by at desc, id desc limit 1
    ) b
    where not w.by_tags @> e.at
)

-- name: made
-- Each moment's pieces to the shift and operation of that moment.
heard as materialized (
    select wid, min(t0) as t0, max(t1) as t1 from spell group by wid
), made as (
    select t.wid, date_bin('1 minute', t.ts, 'epoch') as ts, c.operation_id, c.product_id, c.shift_id,
           c.ideal_cycle_s, sum(t.good) as good, sum(t.scrap) as scrap, sum(t.rework) as rework,
           sum(t.start_up_scrap) as start_up_scrap
    from tally t
    join heard h on h.wid = t.wid and t.ts >= h.t0 and t.ts < h.t1
    join context c on c.wid = t.wid and t.ts >= c.t0 and t.ts < c.t1
    group by t.wid, 2, c.operation_id, c.product_id, c.shift_id, c.ideal_cycle_s
)

-- name: kept_tally
-- Windows older than raw readings: the stored counts of each minute, the corrections that came since,
-- and what business systems report.
due as (
    delete from count_correction_due d using count_correction c, work w
    where c.id = d.id and w.machine_id = c.machine_id and c.at >= w.w0 and c.at < w.w1
    returning w.wid, w.by_tags @> c.at as by_tags, c.at, c.good, c.scrap, c.rework
), tally as (
    select wid, at as ts, good, scrap, rework from due where by_tags
    union all
    select wid, at, good, scrap, 0 from reported
    union all
    select w.wid, c.at, c.good, c.scrap, c.rework
    from work w
    join count_correction c on c.machine_id = w.machine_id and c.at >= w.w0 and c.at < w.w1
    where not w.by_tags @> c.at
)

-- name: kept_made
-- A stored count stays with its operation and shift where they still hold in that minute; else it
-- goes to those that the machine ran longest for.
kept as (
    select w.wid, m.ts, m.operation_id, m.shift_id, m.good, m.scrap, m.rework, m.start_up_scrap
    from work w
    cross join lateral (
        select * from machine_1m
        where machine_id = w.machine_id and ts >= w.w0 and ts < w.w1
          and (good <> 0 or scrap <> 0 or rework <> 0 or start_up_scrap <> 0)
        offset 0
    ) m
    where w.by_tags @> m.ts
), made as (
    select k.wid, k.ts, p.operation_id, p.product_id, p.shift_id, p.ideal_cycle_s,
           k.good, k.scrap, k.rework, k.start_up_scrap
    from kept k
    cross join lateral (
        select operation_id, product_id, shift_id, ideal_cycle_s
        from piece p
        where p.wid = k.wid and p.ts = k.ts
        group by operation_id, product_id, shift_id, ideal_cycle_s
        order by (operation_id, shift_id) = (k.operation_id, k.shift_id) desc,
                 sum(case when element = 'running' then t1 - t0 else '0 s' end) desc,
                 sum(t1 - t0) desc, min(t0)
        limit 1
    ) p
    union all
    select p.wid, p.ts, p.operation_id, p.product_id, p.shift_id, p.ideal_cycle_s,
           t.good, t.scrap, t.rework, 0
    from tally t
    join piece p on p.wid = t.wid and p.ts = date_bin('1 minute', t.ts, 'epoch')
     and t.ts >= p.t0 and t.ts < p.t1
)
