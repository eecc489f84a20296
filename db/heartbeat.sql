-- name: beat
insert into setting (key, value)
values (
    'alert_heartbeat',
    jsonb_build_object('at', clock_timestamp(), 'plant_at', %(now)s::timestamptz, 'pid', %(pid)s::integer)
)
on conflict (key) do update set value = excluded.value

-- name: last
select
    (value ->> 'at')::timestamptz, (value ->> 'plant_at')::timestamptz,
    extract(epoch from clock_timestamp() - (value ->> 'at')::timestamptz)::double precision
from setting
where key = 'alert_heartbeat'

-- name: lead
select pg_try_advisory_lock(%(key)s)

-- name: begin_term
insert into setting (key, value)
values ('alert_leader', jsonb_build_object('token', %(token)s::text))
on conflict (key) do update set value = excluded.value

-- name: round
select pg_advisory_xact_lock(%(key)s)

-- name: term
select value ->> 'token' from setting where key = 'alert_leader'

-- name: depose
-- A bigint's lock shows its upper half as classid, its lower as objid, and objsubid 1.
select count(*) filter (where pg_terminate_backend(pid))
from (
    select distinct pid
    from pg_locks
    where locktype = 'advisory' and granted and pid <> pg_backend_pid()
        and database = (select oid from pg_database where datname = current_database())
        and classid = 0 and objsubid = 1 and objid = any(%(keys)s::bigint[])
) holder

-- name: version
select id, applied_at from plant_version order by id desc limit 1

-- name: still_there
select 1
