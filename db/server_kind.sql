-- name: server
select exists (select from pg_extension where extname = 'timescaledb'),
       current_setting('timescaledb.license', true);

-- name: versions
select current_setting('server_version_num')::integer,
       (select extversion from pg_extension where extname = 'timescaledb');

-- name: has_ledger
select to_regclass('schema_migration') is not null;

-- name: made_on
-- Every migration says on what kind of server it ran; the first one decided.
select distinct server from schema_migration;
