-- name: load
-- How many days minutes are to live and since when they do, and the same of raw readings; null where
-- nobody said so yet.
select (select (value ->> 'counts_days')::integer from setting where key = 'horizon'),
       (select max(ts) from retention_floor where relation = 'machine_1m' and isfinite(ts)),
       (select (value ->> 'raw_days')::integer from setting where key = 'horizon'),
       (select max(ts) from retention_floor where relation = 'reading' and isfinite(ts));

-- name: save
insert into setting (key, value) values ('horizon', %(value)s)
on conflict (key) do update set value = excluded.value;

-- name: move_policy
-- The job stays and its owner with it: nobody may make a job for a continuous aggregate whose owner
-- can't log in.
select alter_job(job_id, config => jsonb_set(config, '{drop_after}', to_jsonb(%(after)s::interval::text)))
from timescaledb_information.jobs j
where proc_name = 'policy_retention' and (config ->> 'drop_after')::interval <> %(after)s
  and (j.hypertable_name = %(relation)s
       or j.hypertable_name = (select materialization_hypertable_name
                               from timescaledb_information.continuous_aggregates
                               where view_name = %(relation)s));
