-- name: stays
-- Who stood on a line or in an area within [t0, t1), from when to when; as the plant file has them in order.
select m.code, greatest(s.t0, %(t0)s), least(s.t1, m.retired_at, %(t1)s)
from machine_line_span s
join machine m on m.id = s.machine_id
join line on line.id = s.line_id
join area on area.id = line.area_id
join line home on home.id = m.line_id
where s.t0 < %(t1)s and least(s.t1, m.retired_at) > greatest(s.t0, %(t0)s)
  and case %(kind)s when 'line' then line.code when 'area' then area.code else %(code)s end = %(code)s
order by home.position, m.position, m.code, 2
