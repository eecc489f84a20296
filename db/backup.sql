-- name: snapshot
set transaction isolation level repeatable read, read only;

-- name: state
select current_setting('server_version_num')::integer,
       (select extversion from pg_extension where extname = 'timescaledb'),
       to_regclass('schema_migration') is not null,
       case when current_setting('transaction_isolation') = 'repeatable read' then pg_export_snapshot() end;

-- name: newest_migration
select max(number) from schema_migration;

-- name: table_count
select count(*) from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
  and not exists (select from pg_depend d
                  where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e');

-- name: use_timescaledb
create extension if not exists timescaledb version {};

-- name: drop_timescaledb
-- A server that brings it into every new database.
drop extension if exists timescaledb;

-- name: pre_restore
select timescaledb_pre_restore();

-- name: post_restore
select timescaledb_post_restore();

-- name: stop_workers
select _timescaledb_functions.stop_background_workers();

-- name: start_workers
select _timescaledb_functions.start_background_workers();

-- name: analyze
analyze;
