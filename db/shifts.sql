-- name: book
select body from calendar_book order by id desc limit 1

-- name: add_book
insert into calendar_book (applied_at, body)
select %(now)s, %(body)s
where %(body)s::jsonb is distinct from (select body from calendar_book order by id desc limit 1)

-- name: add_calendars
insert into calendar (code)
select unnest(%(codes)s::text[])
on conflict (code) do nothing

-- name: calendars
select calendar.id, calendar.code, max(shift.t1)
from calendar
left join shift_instance shift on shift.calendar_id = calendar.id
group by calendar.id
order by calendar.id

-- name: machines_by
-- Who worked by a calendar within [t0, t1), and from when to when.
select v.machine_id, greatest(v.t0, %(t0)s), least(v.t1, %(t1)s)
from machine_calendar_span v
where v.calendar_id = %(calendar_id)s and v.t0 < %(t1)s and v.t1 > %(t0)s
