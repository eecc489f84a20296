-- name: lock_timeout
select set_config('lock_timeout', %(timeout)s, true);

-- name: partitions
select c.relname::text
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = %(relation)s::regclass;

-- name: make_partition
-- With the rows that came before it. The functions are the owner's (migration 0020).
select partition_make(%(relation)s, %(t0)s, %(t1)s);

-- name: is_hypertable
select to_regclass(%(relation)s) is not null;

-- name: hold_writers
select pg_advisory_xact_lock(%(key)s);

-- name: reachable_horizon
-- Not past what the rollups have taken in, late rows neither. (least() passes over nulls: no reading,
-- no watermark, nothing late.)
select case when watermark = '-infinity' then null else least(
           %(horizon)s::timestamptz, watermark,
           (select min(d.t0) from rollup_dirty d
            where d.level = w.level
              and d.t1 > coalesce((select f.ts from retention_floor f where f.relation = %(floor)s), '-infinity'))
       ) end
from rollup_watermark w
where level = case when %(is_raw)s then 'tag_1m' else 'machine_15m' end;

-- name: settled_horizon
-- Not past what came late and is not yet taken in.
select least(
    %(horizon)s::timestamptz,
    (select min(d.t0) from rollup_dirty d
     where d.level = case when %(is_raw)s then 'tag_1m' else 'machine_15m' end
       and d.t1 > coalesce((select f.ts from retention_floor f where f.relation = %(floor)s), '-infinity'))
);

-- name: set_floor
insert into retention_floor as f (relation, ts) values (%(relation)s, %(ts)s)
on conflict (relation) do update set ts = greatest(f.ts, excluded.ts);

-- name: keep_last
insert into reading_kept as k (tag_id, ts, value, text, quality)
select t.tag_id, r.ts, r.value, r.text, r.quality
from (
    -- As each tag meant last, then.
    select distinct on (tag_id) tag_id, role from tag_span
    where t0 <= %(floor)s order by tag_id, t0 desc
) t
cross join lateral (
    (select ts, value, null::text as text, quality from reading
     where tag_id = t.tag_id and ts < %(floor)s and (t.role = 'state' or (quality < 2 and value is not null))
     order by ts desc limit 1)
    union all
    (select ts, null, value, quality from reading_text
     where tag_id = t.tag_id and ts < %(floor)s and t.role = 'state'
     order by ts desc limit 1)
    order by ts desc limit 1
) r
where t.role <> 'process'
on conflict (tag_id) do update
set ts = excluded.ts, value = excluded.value, text = excluded.text, quality = excluded.quality
where excluded.ts > k.ts;

-- name: drop_partitions
select partition_drop(%(relation)s, %(horizon)s);

-- name: forget_quarantine
delete from quarantine where at < %(before)s;
