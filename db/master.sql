-- name: lock
-- Two processes that apply at the same time do it one after the other.
select pg_advisory_xact_lock(hashtext('taktboard.master'))

-- name: newest_version
select id, applied_at, sha256, body from plant_version order by id desc limit 1

-- name: add_version
insert into plant_version (applied_at, sha256, body) values (%(now)s, %(sha256)s, %(body)s)

-- name: areas
insert into area (code, name, position)
select code, name, position
from jsonb_to_recordset(%(rows)s) as r (code text, name jsonb, position integer)
on conflict (code) do update
set name = excluded.name, position = excluded.position, retired_at = null

-- name: calendars
insert into calendar (code)
select code from jsonb_to_recordset(%(rows)s) as r (code text)
on conflict (code) do nothing

-- name: lines
insert into line (code, area_id, name, target_oee, position)
select r.code, area.id, r.name, r.target_oee, r.position
from jsonb_to_recordset(%(rows)s)
    as r (code text, area text, name jsonb, target_oee double precision, position integer)
join area on area.code = r.area
on conflict (code) do update
set area_id = excluded.area_id, name = excluded.name, target_oee = excluded.target_oee,
    position = excluded.position, retired_at = null

-- name: machines
insert into machine (code, line_id, calendar_id, name, position, counts, micro_stop_s)
select r.code, line.id, calendar.id, r.name, r.position, r.counts, r.micro_stop_s
from jsonb_to_recordset(%(rows)s)
    as r (code text, line text, calendar text, name jsonb, position integer, counts text,
          micro_stop_s double precision)
join line on line.code = r.line
join calendar on calendar.code = r.calendar
on conflict (code) do update
set line_id = excluded.line_id, calendar_id = excluded.calendar_id, name = excluded.name,
    position = excluded.position, counts = excluded.counts, micro_stop_s = excluded.micro_stop_s,
    retired_at = null

-- name: products
insert into product (code, name)
select code, name from jsonb_to_recordset(%(rows)s) as r (code text, name jsonb)
on conflict (code) do update set name = excluded.name, retired_at = null

-- name: reasons
insert into reason (code, name, element, position)
select code, name, element, position
from jsonb_to_recordset(%(rows)s) as r (code text, name jsonb, element element, position integer)
on conflict (code) do update
set name = excluded.name, element = excluded.element, position = excluded.position, retired_at = null

-- name: reason_parents
update reason set parent_id = (
    select above.id from reason above
    where above.code = (select parent from jsonb_to_recordset(%(rows)s) as r (code text, parent text)
                        where r.code = reason.code)
)
where code in (select code from jsonb_to_recordset(%(rows)s) as r (code text))

-- name: reason_elements
select id, element::text from reason

-- name: stops_of
-- All that has one of these reasons, as it is and as it was said.
select machine_id, t0, coalesce(t1, '9999-12-31') from stop_span where reason_id = any (%(reasons)s::integer[])
union
select machine_id, t0, t1 from stop_edit_active where reason_id = any (%(reasons)s::integer[])

-- name: sources
insert into source (name, kind, stale_after_s)
select name, kind, stale_after_s
from jsonb_to_recordset(%(rows)s) as r (name text, kind text, stale_after_s double precision)
on conflict (name) do update
set kind = excluded.kind, stale_after_s = excluded.stale_after_s, retired_at = null

-- name: tags
insert into tag (code, machine_id, source_id, role, name, label, unit, counter, modulus, state_map)
select r.code, machine.id, source.id, r.role, r.name, r.label, r.unit, r.counter, r.modulus,
    r.state_map
from jsonb_to_recordset(%(rows)s)
    as r (code text, machine text, source text, role text, name text, label jsonb, unit text,
          counter text, modulus double precision, state_map text)
join machine on machine.code = r.machine
join source on source.name = r.source
on conflict (code) do update
set machine_id = excluded.machine_id, source_id = excluded.source_id, role = excluded.role,
    name = excluded.name, label = excluded.label, unit = excluded.unit,
    counter = excluded.counter, modulus = excluded.modulus, state_map = excluded.state_map,
    retired_at = null

-- name: forget_state_maps
delete from state_map

-- name: state_maps
insert into state_map (name, raw, state, reason_id)
select r.name, r.raw, r.state::element, reason.id
from jsonb_to_recordset(%(rows)s) as r (name text, raw text, state text, reason text)
left join reason on reason.code = r.reason

-- name: forget_tag_limits
delete from tag_limit

-- name: tag_limits
insert into tag_limit (tag_id, product_id, lower, upper)
select tag.id, coalesce(product.id, 0), r.lower, r.upper
from jsonb_to_recordset(%(rows)s)
    as r (tag text, product text, lower double precision, upper double precision)
join tag on tag.code = r.tag
left join product on product.code = r.product

-- name: state_meanings
-- By machine: everything that its raw states mean, and since when it has states.
select tag.machine_id,
    string_agg(concat_ws('=', tag.code, m.raw, m.state, m.reason_id), ',' order by tag.code, m.raw),
    (select min(t0) from state_interval where machine_id = tag.machine_id)
from tag
join state_map m on m.name = tag.state_map
where tag.role = 'state' and tag.retired_at is null
group by tag.machine_id

-- name: countings
-- By machine that has states: how its pieces and its minor stops are told, and since when it has any.
select m.id, concat_ws(' ', m.counts, m.micro_stop_s) as how, i.since
from machine m
cross join lateral (select min(t0) as since from state_interval where machine_id = m.id) i
where m.retired_at is null and i.since is not null

-- name: retire_areas
update area set retired_at = %(now)s where retired_at is null and code <> all(%(codes)s::text[])

-- name: retire_lines
update line set retired_at = %(now)s where retired_at is null and code <> all(%(codes)s::text[])

-- name: retire_machines
update machine set retired_at = %(now)s where retired_at is null and code <> all(%(codes)s::text[])

-- name: retire_products
update product set retired_at = %(now)s where retired_at is null and code <> all(%(codes)s::text[])

-- name: retire_reasons
update reason set retired_at = %(now)s where retired_at is null and code <> all(%(codes)s::text[])

-- name: retire_sources
update source set retired_at = %(now)s where retired_at is null and name <> all(%(codes)s::text[])

-- name: retire_tags
update tag set retired_at = %(now)s where retired_at is null and code <> all(%(codes)s::text[])

-- name: stale_after
update source set stale_after_s = r.stale_after_s
from jsonb_to_recordset(%(rows)s) as r (name text, stale_after_s double precision)
where source.name = r.name and source.stale_after_s <> r.stale_after_s

-- name: ids
select 'area' as kind, code, id from area where retired_at is null
union all select 'calendar', code, id from calendar
union all select 'line', code, id from line where retired_at is null
union all select 'machine', code, id from machine where retired_at is null
union all select 'product', code, id from product where retired_at is null
union all select 'reason', code, id from reason where retired_at is null
union all select 'source', name, id from source where retired_at is null
union all select 'tag', code, id from tag where retired_at is null

-- name: notify
select pg_notify('taktboard_live', 'plant')
