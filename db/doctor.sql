-- name: patience
set statement_timeout = '30s';

-- name: server
select current_setting('server_version'), (select extversion from pg_extension where extname = 'timescaledb'),
       current_setting('timescaledb.license', true);

-- name: has_ledger
select to_regclass('schema_migration') is not null;

-- name: migrations
select number from schema_migration;

-- name: roles
select rolname::text from pg_roles where rolname = any (%(names)s);

-- name: now
select clock_timestamp();

-- name: plant
select max(id), max(applied_at) from plant_version;

-- name: derivation
-- Machines that were retired stay where they were.
select (select min(upto) from derive_tail t join machine m on m.id = t.machine_id where m.retired_at is null),
       (select count(*) from derive_dirty), (select count(*) from rollup_dirty);

-- name: floors
select relation, ts from retention_floor where isfinite(ts) order by 1;

-- name: policies
-- TimescaleDB's jobs on our relations that don't do their work: switched off, failed, or without a
-- success for longer than two of their turns (no background worker was free, say).
select job_id, relation, proc_name::text, scheduled, last_run_status is not distinct from 'Failed'
from (
    select j.*, coalesce(a.view_name, j.hypertable_name)::text as relation, s.last_run_status,
           coalesce(nullif(s.last_successful_finish, '-infinity'),
                    (select max(applied_at) from schema_migration)) as well_at
    from timescaledb_information.jobs j
    left join timescaledb_information.job_stats s using (job_id)
    left join timescaledb_information.continuous_aggregates a
        on a.materialization_hypertable_name = j.hypertable_name
    where j.hypertable_name is not null
) job
where not scheduled or last_run_status = 'Failed' or well_at < now() - greatest(2 * schedule_interval, '1 hour')
order by job_id;

-- name: processes
select application_name, count(*) from pg_stat_activity where datname = current_database() group by 1;

-- name: heartbeat
select (select extract(epoch from clock_timestamp() - (value ->> 'at')::timestamptz)::double precision
        from setting where key = 'alert_heartbeat');

-- name: mails
select count(*) filter (where sent_at is null and failed_at is null and next_attempt < now() - interval '10 minutes'),
       count(*) filter (where failed_at > now() - interval '7 days')
from mail_outbox;

-- name: idle
-- A backup holds its snapshot in one for as long as pg_dump runs.
select pid, application_name, extract(epoch from now() - state_change)::double precision
from pg_stat_activity
where datname = current_database() and state like 'idle in transaction%%'
  and state_change < now() - %(longest)s and application_name <> 'taktboard-backup';

-- name: blocked
select pid, application_name, extract(epoch from now() - query_start)::double precision,
       'pid ' || array_to_string(pg_blocking_pids(pid), ', ')
from pg_stat_activity
where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0
  and query_start < now() - interval '5 seconds';

-- name: connections
select (select count(*) from pg_stat_activity where backend_type = 'client backend'),
       current_setting('max_connections')::integer;

-- name: has_statistics
select exists (select from pg_extension where extname = 'pg_stat_statements')
   and 'pg_stat_statements' = any (string_to_array(replace(current_setting('shared_preload_libraries', true), ' ', ''), ','));

-- name: slowest
select mean_exec_time, calls, left(regexp_replace(query, '\s+', ' ', 'g'), 160)
from pg_stat_statements s
where s.dbid = (select oid from pg_database where datname = current_database())
  and query ~* '^\s*(with|select)' and calls >= 10
order by mean_exec_time desc
limit 5;
