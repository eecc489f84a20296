-- name: lines_of
-- The lines on which a machine ever stood.
select distinct line.code
from machine m
left join machine_line v on v.machine_id = m.id
join line on line.id = coalesce(v.line_id, m.line_id)
where m.code = %(machine)s
order by 1

-- name: shifts
-- The shifts of machines that meet [t0, t1), by the calendars by which they worked.
select m.code, greatest(s.t0, v.t0), least(s.t1, v.t1), s.code, s.day
from machine m
join machine_calendar_span v on v.machine_id = m.id
join shift_instance s on s.calendar_id = v.calendar_id and s.t0 < v.t1 and s.t1 > v.t0
    and s.t0 < %(t1)s and s.t1 > %(t0)s
where m.code = any (%(machines)s)
order by m.code, 2
