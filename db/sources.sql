-- name: save_status
insert into source_status as s (source_id, connected, since, last_heard, last_reading, lag_s, rate,
                                bad_share, readings, error)
values (%(source_id)s, %(connected)s, %(since)s, %(last_heard)s, %(last_reading)s, %(lag_s)s,
        %(rate)s, %(bad_share)s, %(readings)s, %(error)s)
on conflict (source_id) do update set
    since = case when s.connected = excluded.connected and s.since <= excluded.since
                 then s.since else excluded.since end,
    connected = excluded.connected,
    last_heard = greatest(s.last_heard, excluded.last_heard),
    last_reading = greatest(s.last_reading, excluded.last_reading),
    lag_s = excluded.lag_s,
    rate = excluded.rate,
    bad_share = excluded.bad_share,
    readings = s.readings + excluded.readings,
    error = excluded.error

-- name: beat
insert into setting (key, value) values ('ingest_heartbeat', jsonb_build_object('at', clock_timestamp()))
on conflict (key) do update set value = excluded.value

-- name: last_heard
select source_id, last_heard from source_status where last_heard is not null

-- name: save_gap
insert into source_gap as g (source_id, t0, t1, cause)
values (%(source_id)s, %(t0)s, %(t1)s, %(cause)s)
on conflict (source_id, t0) do update set t1 = greatest(g.t1, excluded.t1), cause = excluded.cause

-- name: close_gaps
-- The source could tell afterwards: what lies outside is saved anew.
delete from source_gap where source_id = %(source_id)s and t0 < %(t1)s and t1 > %(t0)s
returning t0, t1, cause

-- name: notify_source
select pg_notify('taktboard_live', 'source')

-- name: leave
-- A source that is no longer in the plant: not connected, and not heard of again.
update source_status set connected = false, since = %(now)s, rate = 0, error = null
where source_id = any(%(source_ids)s::integer[])
