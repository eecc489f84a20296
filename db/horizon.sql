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


-- name: is_dropped_after
select (config ->> 'drop_after')::interval = %(after)s
from timescaledb_information.jobs j
where proc_name = 'policy_retention'
  and (j.hypertable_name = %(relation)s
       or j.hypertable_name = (select materialization_hypertable_name
                               from timescaledb_information.continuous_aggregates
                               where view_name = %(relation)s));

-- name: forget_policy
select remove_retention_policy(%(relation)s::regclass, if_exists => true);

-- name: add_policy
select add_retention_policy(%(relation)s::regclass, drop_after => %(after)s::interval);
