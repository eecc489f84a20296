-- name: every
select id, name, boards, pairing_until, token_hash is not null, created_at, created_by, last_seen, revoked_at
from device order by revoked_at is not null, name

-- name: by_id
select id, name, boards, pairing_until, token_hash is not null, created_at, created_by, last_seen, revoked_at
from device where id = %(id)s

-- name: by_token
select id, name, boards, pairing_until, token_hash is not null, created_at, created_by, last_seen, revoked_at
from device where token_hash = %(token_hash)s and revoked_at is null

-- name: create
insert into device (name, boards, pairing_hash, pairing_until, created_at, created_by)
values (%(name)s, %(boards)s, %(pairing_hash)s, %(pairing_until)s, %(now)s, %(created_by)s)
on conflict (name) do nothing
returning id

-- name: offer_pairing
update device set pairing_hash = %(pairing_hash)s, pairing_until = %(pairing_until)s
where id = %(id)s and revoked_at is null

-- name: pair
-- One statement, so that of two screens with the same code only one gets in.
update device set token_hash = %(token_hash)s, pairing_hash = null, pairing_until = null, last_seen = %(now)s
where pairing_hash = %(pairing_hash)s and pairing_until > %(now)s and revoked_at is null
returning id, name, boards, pairing_until, token_hash is not null, created_at, created_by, last_seen, revoked_at

-- name: seen
update device set last_seen = %(now)s
where id = %(id)s and (last_seen is null or last_seen < %(now)s - interval '30 seconds')

-- name: revoke
update device set revoked_at = %(now)s, token_hash = null, pairing_hash = null, pairing_until = null
where id = %(id)s and revoked_at is null

-- name: remove
delete from device where id = %(id)s and revoked_at is not null
