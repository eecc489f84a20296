-- name: beat
insert into setting (key, value)
values (
    'alert_heartbeat',
    jsonb_build_object('at', clock_timestamp(), 'plant_at', %(now)s::timestamptz, 'pid', %(pid)s::integer)
)
on conflict (key) do update set value = excluded.value

-- name: lead
select pg_try_advisory_lock(%(key)s)

-- name: version
select id, applied_at from plant_version order by id desc limit 1

-- name: still_there
select 1
