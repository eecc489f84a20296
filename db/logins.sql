-- name: note
insert into login_attempt (at, address, name, succeeded) values (%(at)s, %(address)s, %(name)s, false)

-- name: failures
select count(*) filter (where address = %(address)s), count(*) filter (where name = %(name)s)
from login_attempt
where not succeeded and at > %(since)s and (address = %(address)s or name = %(name)s)

-- name: succeeded
update login_attempt set succeeded = true
where at = %(at)s and address = %(address)s and name = %(name)s

-- name: forget
delete from login_attempt where at < %(before)s
