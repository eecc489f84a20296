-- name: sources
select
    source.name, source.kind, source.stale_after_s,
    coalesce(status.connected, false), status.since, status.last_heard, status.last_reading,
    status.lag_s, status.rate, status.bad_share, coalesce(status.readings, 0), status.error,
    (select count(*) from quarantine where source_id = source.id and at > %(since)s),
    (select count(*) from tag where source_id = source.id and retired_at is null)
from source
left join source_status status on status.source_id = source.id
where source.retired_at is null
order by source.id

-- name: beat
-- The collector's last sign of life by the database server's clock, and its age in seconds.
select
    (value ->> 'at')::timestamptz,
    extract(epoch from clock_timestamp() - (value ->> 'at')::timestamptz)::double precision
from setting
where key = 'ingest_heartbeat'

-- name: refused
-- What of each source was put in quarantine since a moment, by reason; the address of the newest.
select
    source.name, quarantine.reason, count(*), count(distinct quarantine.address), max(quarantine.at),
    (array_agg(quarantine.address order by quarantine.at desc, quarantine.id desc))[1]
from quarantine
left join source on source.id = quarantine.source_id
where quarantine.at > %(since)s
group by source.name, quarantine.reason
order by count(*) desc, source.name, quarantine.reason

-- name: gaps
-- Stretches since a moment that a source can't tell of.
select source.name, greatest(gap.t0, %(since)s), least(gap.t1, %(now)s), gap.cause
from source_gap gap
join source on source.id = gap.source_id
where gap.t1 > %(since)s and gap.t0 < %(now)s
order by gap.t0
