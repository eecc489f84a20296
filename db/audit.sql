-- name: write
insert into audit (at, actor, action, detail, address)
values (%(at)s, %(actor)s, %(action)s, %(detail)s, %(address)s)

-- name: recent
select at, actor, action, detail, address from audit order by id desc limit %(count)s
