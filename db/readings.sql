-- name: copy
copy reading (ts, tag_id, value, quality) from stdin (format binary)

-- name: staging
create temporary table if not exists staged (
    ts timestamptz, tag_id integer, value double precision, quality smallint, position integer
) on commit delete rows;
delete from staged

-- name: copy_staged
copy staged (ts, tag_id, value, quality, position) from stdin (format binary)

-- name: by_index
-- A lookup for each row, whatever the planner thinks of tables that it knows nothing of.
select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true)

-- name: there
-- Which rows are there already, and whether they change: they take the new value.
with there as materialized (
    select s.*, (r.value, r.quality) is distinct from (s.value, s.quality) as differs
    from staged s join reading r on r.tag_id = s.tag_id and r.ts = s.ts
), changed as (
    update reading r set value = t.value, quality = t.quality from there t
    where t.differs and r.tag_id = t.tag_id and r.ts = t.ts
)
select position, differs from there

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
