-- name: claim
select pg_try_advisory_lock(%(key)s);

-- name: ledger
select number, sha256 from schema_migration order by number;

-- name: has_table
select to_regclass(%(table)s) is not null;

-- name: has_rows
select from {table} limit 1;

-- name: writers
-- Taktboard's own processes on this database; they name themselves.
select distinct application_name from pg_stat_activity
where datname = current_database()
  and application_name in ('taktboard-ingest', 'taktboard-alert', 'taktboard-web', 'taktboard-demo')
order by 1;

-- name: last_heard
select max(last_heard) from source_status;

-- name: mark
insert into site_copy (is_target) values (true) on conflict do nothing;

-- name: references
select distinct conrelid::regclass::text, confrelid::regclass::text
from pg_constraint
where contype = 'f' and conparentid = 0 and connamespace = current_schema()::regnamespace;

-- name: columns
select quote_ident(attname) from pg_attribute
where attrelid = %(relation)s::regclass and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum;

-- name: sequences
select attrelid::regclass::text, attname::text, pg_get_serial_sequence(attrelid::regclass::text, attname)
from pg_attribute
where attidentity <> '' and attrelid = any (%(tables)s::regclass[]);

-- name: sequence_value
select last_value, is_called from {sequence};

-- name: set_sequence
select setval(%(sequence)s, %(value)s, %(is_called)s);

-- name: days
-- Rows and the sum of their hashes, day by day (UTC).
select date_bin('1 day', ts, 'epoch'), count(*), sum(hashtextextended(row({columns})::text, 0)::numeric)
from {store}
where %(before)s::timestamptz is null or ts < %(before)s
group by 1;

-- name: clear_day
delete from {store} where ts >= {t0} and ts < {t1};

-- name: read_day
copy (select {columns} from {store} where ts >= {t0} and ts < {t1}) to stdout (format binary);

-- name: clear
delete from {store};

-- name: read
copy (select {columns} from {store}) to stdout (format binary);

-- name: write
copy {store} ({columns}) from stdin (format binary);

-- name: watermark
select watermark from rollup_watermark where level = %(level)s and watermark > '-infinity';

-- name: set_watermark
update rollup_level set watermark = %(watermark)s where level = %(level)s;

-- name: aggregate_store
select format('%%I.%%I', materialization_hypertable_schema, materialization_hypertable_name)
from timescaledb_information.continuous_aggregates
where view_schema = current_schema() and view_name = %(level)s;

-- name: refresh
call refresh_continuous_aggregate(%(level)s, %(t0)s::timestamptz, %(t1)s::timestamptz);
