-- name: copy
copy reading (ts, tag_id, value, quality) from stdin (format binary)

-- name: known
-- Both bounds of all of them say once which days there are to look at.
select (extract(epoch from r.ts) * 1000000)::bigint, r.tag_id, r.value, r.quality
from unnest(%(tag_id)s::integer[], %(t0_us)s::bigint[], %(t1_us)s::bigint[]) as s (tag_id, t0_us, t1_us)
cross join lateral (
    select ts, tag_id, value, quality from reading
    where tag_id = s.tag_id
      and ts between timestamptz 'epoch' + s.t0_us * interval '1 microsecond'
                 and timestamptz 'epoch' + s.t1_us * interval '1 microsecond'
      and ts between %(oldest)s and %(newest)s
    offset 0  -- by index, whatever the planner thinks of tables that it knows nothing of
) r

-- name: upsert
-- Not by an update: TimescaleDB would unpack every compressed chunk for it.
insert into reading as r (ts, tag_id, value, quality)
select timestamptz 'epoch' + ts_us * interval '1 microsecond', tag_id, nullif(value, 'NaN'), quality
from unnest(%(ts_us)s::bigint[], %(tag_id)s::integer[], %(value)s::double precision[],
            %(quality)s::smallint[]) as n (ts_us, tag_id, value, quality)
on conflict (tag_id, ts) do update set value = excluded.value, quality = excluded.quality
where (r.value, r.quality) is distinct from (excluded.value, excluded.quality)

-- name: add_texts
insert into reading_text (ts, tag_id, value, quality)
select * from unnest(%(ts)s::timestamptz[], %(tag_id)s::integer[], %(value)s::text[], %(quality)s::smallint[])
on conflict (tag_id, ts) do nothing

-- name: replace_texts
insert into reading_text as r (ts, tag_id, value, quality)
select * from unnest(%(ts)s::timestamptz[], %(tag_id)s::integer[], %(value)s::text[], %(quality)s::smallint[])
on conflict (tag_id, ts) do update set value = excluded.value, quality = excluded.quality
where (r.value, r.quality) is distinct from (excluded.value, excluded.quality)

-- name: wake
with touched as (
    insert into derive_dirty (machine_id, t0, t1)
    select machine_id, timestamptz 'epoch' + t0_us * interval '1 microsecond',
           timestamptz 'epoch' + t1_us * interval '1 microsecond'
    from unnest(%(machine_id)s::integer[], %(t0_us)s::bigint[], %(t1_us)s::bigint[])
         as d (machine_id, t0_us, t1_us)
)
select pg_notify('taktboard_live', 'reading'),
       case when cardinality(%(machine_id)s::integer[]) > 0 then pg_notify('taktboard_fact', '') end

-- name: watermarks
select t.tag_id, greatest(
    (select max(ts) from reading r where r.tag_id = t.tag_id),
    (select max(ts) from reading_text x where x.tag_id = t.tag_id))
from unnest(%(tag_ids)s::integer[]) as t (tag_id)
