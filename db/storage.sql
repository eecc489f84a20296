-- name: is_due
select not exists (select from storage_sample where layer = 'facts' and at > now() - %(every)s::interval);

-- name: add
insert into storage_sample (layer, at, bytes)
select layer, now(), bytes from unnest(%(layers)s::text[], %(bytes)s::bigint[]) as s (layer, bytes);

-- name: forget
delete from storage_sample where at < now() - %(kept)s::interval;

-- name: samples
select layer, at, bytes from storage_sample
where at > (select max(at) from storage_sample) - %(window)s::interval
order by layer, at;

-- name: store
select case when to_regclass(%(relation)s || '_done') is null then %(relation)s else %(relation)s || '_done' end;

-- name: aggregate_store
select format('%%I.%%I', materialization_hypertable_schema, materialization_hypertable_name)
from timescaledb_information.continuous_aggregates
where view_schema = current_schema() and view_name = %(relation)s;

-- name: size_of_table
-- A table without partitions has no tree.
select coalesce((select sum(pg_total_relation_size(relid)) from pg_partition_tree(%(relation)s)),
                pg_total_relation_size(%(relation)s::regclass));

-- name: size_of_hypertable
select coalesce(hypertable_size(%(relation)s::regclass), pg_total_relation_size(%(relation)s::regclass));

-- name: size_of_database
select pg_database_size(current_database());

-- name: disk_size
select (value ->> 'disk_gb')::double precision from setting where key = 'storage';

-- name: save_disk
insert into setting (key, value) values ('storage', %(value)s)
on conflict (key) do update set value = excluded.value;

-- name: begin
select now() - min(at) from storage_sample;

-- name: data_directory
-- For those alone who may see it. The embedded server's may lead through a descriptor: of its process.
select case when pg_has_role(current_user, 'pg_read_all_settings', 'usage')
            then replace(current_setting('data_directory'), '/proc/self/', '/proc/' || pg_backend_pid() || '/') end;
