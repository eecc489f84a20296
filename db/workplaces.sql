-- name: machines
select code, id from machine

-- name: stored
select machine.code,
       case when v.valid_from = '-infinity' then %(ever)s::timestamptz else v.valid_from end,
       calendar.code
from machine_calendar v
join machine on machine.id = v.machine_id
join calendar on calendar.id = v.calendar_id
order by v.machine_id, v.valid_from

-- name: forget_calendars
delete from machine_calendar where machine_id = %(machine_id)s

-- name: add_calendars
insert into machine_calendar (machine_id, valid_from, calendar_id)
select %(machine_id)s, r.since, calendar.id
from jsonb_to_recordset(%(rows)s) as r (since timestamptz, code text)
join calendar on calendar.code = r.code

-- name: forget_lines
delete from machine_line where machine_id = %(machine_id)s

-- name: add_lines
insert into machine_line (machine_id, valid_from, line_id)
select %(machine_id)s, r.since, line.id
from jsonb_to_recordset(%(rows)s) as r (since timestamptz, code text)
join line on line.code = r.code

-- name: present
update machine m
set calendar_id = coalesce(c.calendar_id, m.calendar_id), line_id = coalesce(l.line_id, m.line_id)
from machine self
left join lateral (
    select calendar_id from machine_calendar
    where machine_id = self.id and valid_from <= %(now)s order by valid_from desc limit 1
) c on true
left join lateral (
    select line_id from machine_line
    where machine_id = self.id and valid_from <= %(now)s order by valid_from desc limit 1
) l on true
where self.id = m.id
  and (m.calendar_id, m.line_id) is distinct from
      (coalesce(c.calendar_id, m.calendar_id), coalesce(l.line_id, m.line_id))
