-- name: by_name
select id, name, password_hash, role, language, epoch, created_at, disabled_at
from app_user where name = %(name)s

-- name: by_id
select id, name, password_hash, role, language, epoch, created_at, disabled_at
from app_user where id = %(id)s

-- name: every
select id, name, password_hash, role, language, epoch, created_at, disabled_at
from app_user order by disabled_at is not null, name

-- name: create
insert into app_user (name, password_hash, role, language, created_at)
values (%(name)s, %(password_hash)s, %(role)s, %(language)s, %(now)s)
on conflict (name) do nothing
returning id

-- name: lock_admins
select id from app_user where role = 'admin' and disabled_at is null order by id for update

-- name: set_role
update app_user set role = %(role)s, epoch = epoch + 1 where id = %(id)s

-- name: set_password
update app_user set password_hash = %(password_hash)s, epoch = epoch + 1 where id = %(id)s

-- name: rehash
update app_user set password_hash = %(password_hash)s where id = %(id)s

-- name: set_language
update app_user set language = %(language)s where id = %(id)s

-- name: disable
update app_user set disabled_at = %(now)s, epoch = epoch + 1 where id = %(id)s and disabled_at is null

-- name: enable
update app_user set disabled_at = null where id = %(id)s

-- name: end_sessions
update app_user set epoch = epoch + 1 where id = %(id)s
