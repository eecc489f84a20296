-- name: versions
-- The versions of lines that begin before a moment, oldest first.
select line.code, greatest(v.valid_from, %(ever)s), v.body
from line_setting v
join line on line.id = v.line_id
where line.code = any (%(lines)s) and v.valid_from < %(t1)s
order by line.code, v.valid_from

-- name: in_force
-- The version that holds at a moment.
select v.body
from line_setting v
join line on line.id = v.line_id
where line.code = %(line)s and v.valid_from <= %(at)s
order by v.valid_from desc
limit 1

-- name: supersede
-- What was to begin later than a moment.
delete from line_setting v using line
where line.id = v.line_id and line.code = %(line)s and v.valid_from > %(at)s

-- name: add
-- The first version holds since ever.
insert into line_setting (line_id, valid_from, body)
select line.id, case when exists (select from line_setting where line_id = line.id)
                     then %(at)s::timestamptz else '-infinity' end, %(body)s
from line where line.code = %(line)s
on conflict (line_id, valid_from) do update set body = excluded.body
