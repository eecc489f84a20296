-- name: lock
select pg_try_advisory_lock(%(key)s);

-- name: is_new
select to_regclass('schema_migration') is null;

-- name: timescaledb_is_loaded
select exists (select from pg_available_extensions where name = 'timescaledb')
   and 'timescaledb' = any (string_to_array(replace(current_setting('shared_preload_libraries'), ' ', ''), ','));

-- name: use_timescaledb
create extension if not exists timescaledb;

-- name: make_ledger
create table if not exists schema_migration (
    number      integer primary key,
    name        text not null,
    sha256      text not null,
    server      text not null,
    applied_at  timestamptz not null default now()
);

-- name: read_ledger
select number, sha256 from schema_migration order by number;

-- name: remember
insert into schema_migration (number, name, sha256, server)
values (%(number)s, %(name)s, %(sha256)s, %(server)s);
