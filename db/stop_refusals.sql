-- name: keep
insert into stop_edit_refused (key, machine_id, stop_t0, kind, said, actor, at, why, details)
values (%(key)s, %(machine_id)s, %(stop_t0)s, %(kind)s, %(said)s, %(actor)s, %(at)s, %(why)s, %(details)s)
on conflict (key) do update set at = excluded.at, why = excluded.why, details = excluded.details

-- name: of
-- What was refused of the stops that begin in a stretch, the newest first.
select f.kind, f.said, r.name, f.actor, f.at, f.why, f.details
from stop_edit_refused f
left join reason r on f.kind = 'assign' and r.code = f.said
where f.machine_id = %(machine_id)s and f.stop_t0 >= %(t0)s and f.stop_t0 < %(t1)s
order by f.id desc
limit %(count)s
