-- name: copy
copy reading (ts, tag_id, value, quality) from stdin (format binary)

-- name: staging
create temporary table if not exists staged (
    ts timestamptz, tag_id integer, value double precision, quality smallint, arrival integer
) on commit delete rows

-- name: copy_staged
copy staged (ts, tag_id, value, quality, arrival) from stdin (format binary)

-- name: merge
-- Two values of one tag in one microsecond: the last by arrival stays. Says how many rows are new,
-- and how many of those that were there changed.
with newest as materialized (
    select distinct on (tag_id, ts) ts, tag_id, value, quality
    from staged order by tag_id, ts, arrival desc
), added as materialized (
    insert into reading (ts, tag_id, value, quality)
    select ts, tag_id, value, quality from newest order by tag_id, ts
    on conflict (tag_id, ts) do nothing
    returning tag_id, ts
), there as materialized (
    -- The few that were not new: only these are looked up again.
    select * from newest n
    where not exists (select from added a where a.tag_id = n.tag_id and a.ts = n.ts)
), changed as (
    update reading r set value = n.value, quality = n.quality from there n
    where r.tag_id = n.tag_id and r.ts = n.ts
      and (r.value, r.quality) is distinct from (n.value, n.quality)
    returning 1
)
select (select count(*) from added), (select count(*) from changed)

-- name: merge_texts
with newest as (
    select distinct on (tag_id, ts) ts, tag_id, value, quality
    from unnest(%(ts)s::timestamptz[], %(tag_id)s::integer[], %(value)s::text[],
                %(quality)s::smallint[]) with ordinality as t (ts, tag_id, value, quality, arrival)
    order by tag_id, ts, arrival desc
), changed as (
    update reading_text r set value = n.value, quality = n.quality from newest n
    where r.tag_id = n.tag_id and r.ts = n.ts
      and (r.value, r.quality) is distinct from (n.value, n.quality)
    returning 1
), added as (
    insert into reading_text (ts, tag_id, value, quality)
    select ts, tag_id, value, quality from newest order by tag_id, ts
    on conflict (tag_id, ts) do nothing
    returning 1
)
select (select count(*) from added), (select count(*) from changed)

-- name: dirty
insert into derive_dirty (machine_id, t0, t1)
select machine_id, 'epoch'::timestamptz + t0_us * interval '1 microsecond',
       'epoch'::timestamptz + t1_us * interval '1 microsecond'
from unnest(%(machine_id)s::bigint[], %(t0_us)s::bigint[], %(t1_us)s::bigint[])
     as t (machine_id, t0_us, t1_us)

-- name: notify
select pg_notify('taktboard_live', 'reading')

-- name: notify_fact
select pg_notify('taktboard_fact', '')

-- name: watermarks
select t.tag_id, greatest(
    (select max(ts) from reading r where r.tag_id = t.tag_id),
    (select max(ts) from reading_text x where x.tag_id = t.tag_id))
from unnest(%(tag_ids)s::integer[]) as t (tag_id)
