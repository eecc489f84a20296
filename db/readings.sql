-- name: copy
copy reading (ts, tag_id, value, quality) from stdin (format binary)

-- name: staging
create temporary table if not exists staged (
    ts timestamptz, tag_id integer, value double precision, quality smallint, position integer
) on commit delete rows;
delete from staged

-- name: copy_staged
copy staged (ts, tag_id, value, quality, position) from stdin (format binary)

-- name: add_staged
-- Stores what is not there yet; gives the positions of what is.
with added as materialized (
    insert into reading (ts, tag_id, value, quality)
    select ts, tag_id, value, quality from staged order by position
    on conflict (tag_id, ts) do nothing
    returning tag_id, ts
)
select position from staged s
where not exists (select from added a where a.tag_id = s.tag_id and a.ts = s.ts)

-- name: replace_staged
-- Counts those that change. Not by an update: TimescaleDB would unpack every compressed chunk for it.
insert into reading as r (ts, tag_id, value, quality)
select ts, tag_id, value, quality
from staged join unnest(%(positions)s::integer[]) as known (position) using (position)
order by position
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

-- name: copy_dirty
copy derive_dirty (machine_id, t0, t1) from stdin (format binary)

-- name: notify
select pg_notify('taktboard_live', 'reading'),
       case when %(is_fact)s then pg_notify('taktboard_fact', '') end

-- name: watermarks
select t.tag_id, greatest(
    (select max(ts) from reading r where r.tag_id = t.tag_id),
    (select max(ts) from reading_text x where x.tag_id = t.tag_id))
from unnest(%(tag_ids)s::integer[]) as t (tag_id)
