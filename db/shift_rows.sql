-- name: around
select id, code, day from shift_instance
where calendar_id = %(calendar_id)s and exists (
    select from unnest(%(t0)s::timestamptz[], %(t1)s::timestamptz[]) as w (t0, t1)
    where w.t0 < shift_instance.t1 and w.t1 > shift_instance.t0
)
order by t0

-- name: forget
delete from shift_instance where id = any(%(ids)s::bigint[])

-- name: forget_slices
delete from calendar_slice where shift_id = any(%(ids)s::bigint[])

-- name: change
update shift_instance s
set name = r.name, t0 = r.t0, t1 = r.t1, teams = r.teams
from jsonb_to_recordset(%(rows)s)
    as r (id bigint, name jsonb, t0 timestamptz, t1 timestamptz, teams text[])
where s.id = r.id

-- name: add_shifts
insert into shift_instance (calendar_id, code, name, day, t0, t1, teams)
select %(calendar_id)s, code, name, day, t0, t1, teams
from jsonb_to_recordset(%(rows)s)
    as r (code text, name jsonb, day date, t0 timestamptz, t1 timestamptz, teams text[])
returning id, t0

-- name: add_slices
insert into calendar_slice (calendar_id, t0, t1, kind, shift_id)
select %(calendar_id)s, t0, t1, kind, shift_id
from jsonb_to_recordset(%(rows)s)
    as r (t0 timestamptz, t1 timestamptz, kind text, shift_id bigint)
