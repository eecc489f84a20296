-- name: stays
-- Who stood on lines within [t0, t1], from when to when, and by which calendars they worked there.
select line.code, m.code, greatest(s.t0, c.t0, %(ever)s), least(s.t1, c.t1, m.retired_at, %(after)s), calendar.code
from machine_line_span s
join machine m on m.id = s.machine_id
join line on line.id = s.line_id
join machine_calendar_span c on c.machine_id = m.id and c.t0 < s.t1 and c.t1 > s.t0
join calendar on calendar.id = c.calendar_id
where line.code = any (%(lines)s) and greatest(s.t0, c.t0) <= %(t1)s
  and least(s.t1, c.t1, m.retired_at) > greatest(s.t0, c.t0, %(t0)s)
