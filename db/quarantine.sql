-- name: put
-- The same thing delivered again, by a source or after a crash, is the same row, with its last time.
insert into quarantine as q (at, source_id, reason, detail, address, payload, digest, form)
select distinct on (digest) *
from unnest(%(at)s::timestamptz[], %(source_id)s::integer[], %(reason)s::text[],
            %(detail)s::text[], %(address)s::text[], %(payload)s::bytea[], %(digest)s::bytea[],
            %(form)s::text[])
     as t (at, source_id, reason, detail, address, payload, digest, form)
order by digest, at desc
on conflict (digest) do update
set at = greatest(q.at, excluded.at), detail = excluded.detail, retry_at = null

-- name: chosen
select q.id, q.at, source.name, q.reason, q.detail, q.address, q.payload, q.form, q.retry_at
from quarantine q
left join source on source.id = q.source_id
where (%(ids)s::bigint[] is null or q.id = any(%(ids)s::bigint[]))
  and (%(source)s::text is null or source.name = %(source)s)
  and (%(reason)s::text is null or q.reason = %(reason)s)
  and (%(before)s::bigint is null
       or (q.at, q.id) < (select last.at, last.id from quarantine last where last.id = %(before)s))
order by q.at desc, q.id desc
limit %(most)s

-- name: retry
update quarantine q set retry_at = %(now)s
where (%(ids)s::bigint[] is null or q.id = any(%(ids)s::bigint[]))
  and (%(source)s::text is null or q.source_id = (select id from source where name = %(source)s))
  and (%(reason)s::text is null or q.reason = %(reason)s)
  and q.form is not null

-- name: drop
delete from quarantine q
where (%(ids)s::bigint[] is null or q.id = any(%(ids)s::bigint[]))
  and (%(source)s::text is null or q.source_id = (select id from source where name = %(source)s))
  and (%(reason)s::text is null or q.reason = %(reason)s)

-- name: wanted
select id, at, source_id, reason, address, payload, form
from quarantine where retry_at is not null order by id limit %(most)s

-- name: taken
-- Those that were put there again meanwhile (the database refused them once more) stay.
delete from quarantine where id = any(%(ids)s::bigint[]) and retry_at is not null

-- name: refused_again
update quarantine q set retry_at = null, reason = t.reason, detail = t.detail
from unnest(%(ids)s::bigint[], %(reasons)s::text[], %(details)s::text[]) as t (id, reason, detail)
where q.id = t.id

-- name: notify
select pg_notify('taktboard_live', 'source')
