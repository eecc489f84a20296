-- name: calendars
select calendar.id, calendar.code, max(shift.t1)
from calendar
left join shift_instance shift on shift.calendar_id = calendar.id
group by calendar.id

-- name: forget_ahead
delete from shift_instance where calendar_id = %(calendar_id)s and t0 >= %(now)s

-- name: forget_slices_ahead
delete from calendar_slice where calendar_id = %(calendar_id)s and t0 >= %(now)s

-- name: cut_slice
update calendar_slice set t1 = %(now)s
where calendar_id = %(calendar_id)s and t0 < %(now)s and t1 > %(now)s

-- name: ahead
select greatest(c.t0, %(now)s), c.t1, c.kind, s.code, s.day, s.name
from calendar_slice c
join shift_instance s on s.id = c.shift_id
where c.calendar_id = %(calendar_id)s and c.t1 > %(now)s
order by c.t0

-- name: shift_now
select id, code, day from shift_instance
where calendar_id = %(calendar_id)s and t0 < %(now)s and t1 > %(now)s

-- name: end_shift
update shift_instance set t1 = %(t1)s, name = %(name)s where id = %(id)s

-- name: cut_shift
update shift_instance set t1 = %(now)s where id = %(id)s

-- name: add_shifts
insert into shift_instance (calendar_id, code, name, day, t0, t1)
select %(calendar_id)s, code, name, day, t0, t1
from jsonb_to_recordset(%(rows)s)
    as r (code text, name jsonb, day date, t0 timestamptz, t1 timestamptz)
returning id, t0

-- name: add_slices
insert into calendar_slice (calendar_id, t0, t1, kind, shift_id)
select %(calendar_id)s, t0, t1, kind, shift_id
from jsonb_to_recordset(%(rows)s)
    as r (t0 timestamptz, t1 timestamptz, kind text, shift_id bigint)
