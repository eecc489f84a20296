-- name: tables
select c.relname::text
from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
  and not c.relispartition
  and not exists (select from pg_depend d
                  where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1;

-- name: rows
select count(*), coalesce(sum(hashtextextended(r::text, 0)::numeric), 0) from {table} r;

-- name: rows_of_span
select count(*), coalesce(sum(hashtextextended(r::text, 0)::numeric), 0) from {table} r
where ts >= %(t0)s and ts < %(t1)s;

-- name: numeric_columns
select attname::text from pg_attribute
where attrelid = %(relation)s::regclass and attnum > 0 and not attisdropped
  and atttypid in ('bigint'::regtype, 'double precision'::regtype)
order by attnum;

-- name: sums
select count(*), {sums} from {rollup}
where %(before)s::timestamptz is null or ts < %(before)s;
