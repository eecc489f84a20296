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
-- One that is new or means something else, does so from the next full minute on; since ever where
-- nothing is derived of its machine yet. What it meant is kept. A total goes on where it is counted as
-- before, without a time in which the tag was gone.
with wanted as (
    select r.code, machine.id as machine_id, source.id as source_id, r.role, r.name, r.label, r.unit,
           r.counter, r.modulus, r.state_map,
           case when derived.is_known then minute_from(%(now)s) else '-infinity' end as since,
           case when derived.is_known then %(now)s else '-infinity' end as begun
    from jsonb_to_recordset(%(rows)s)
        as r (code text, machine text, source text, role text, name text, label jsonb, unit text,
              counter text, modulus double precision, state_map text)
    join machine on machine.code = r.machine
    join source on source.name = r.source
    cross join lateral (
        select exists (select from state_interval where machine_id = machine.id) as is_known
    ) derived
), held as (
    select tag.*, (tag.source_id, tag.role, tag.counter, tag.modulus, tag.state_map)
                      is not distinct from (w.source_id, w.role, w.counter, w.modulus, w.state_map) as is_same,
           (tag.role, tag.counter) = (w.role, w.counter) as goes_on,
           least(w.since, minute_from(coalesce(tag.retired_at, 'infinity'))) as until, w.since as next
    from tag join wanted w on w.code = tag.code
), turned as (
    select *, goes_on and until = next as follows from held where not is_same or until < next
), past as (
    insert into tag_past (tag_id, machine_id, source_id, role, counter, modulus, state_map, t0, t1, begun)
    select id, machine_id, source_id, role, counter, modulus, state_map, since, greatest(since, until), begun
    from turned where since < next
)
insert into tag (code, machine_id, source_id, role, name, label, unit, counter, modulus, state_map, since, begun)
select w.code, w.machine_id, w.source_id, w.role, w.name, w.label, w.unit, w.counter, w.modulus, w.state_map,
       case when h.id is null or t.id is not null then w.since else h.since end,
       case when h.id is null or not t.follows then w.begun else h.begun end
from wanted w
left join held h on h.code = w.code
left join turned t on t.code = w.code
on conflict (code) do update
set machine_id = excluded.machine_id, source_id = excluded.source_id, role = excluded.role,
    name = excluded.name, label = excluded.label, unit = excluded.unit,
    counter = excluded.counter, modulus = excluded.modulus, state_map = excluded.state_map,
    since = excluded.since, begun = excluded.begun, retired_at = null

-- name: turned_tags
-- The machines whose tags begin or cease to mean something in the first full minute from now.
select distinct s.machine_id
from tag_span s
join machine m on m.id = s.machine_id and m.retired_at is null
where s.role <> 'process' and minute_from(%(now)s) in (s.t0, s.t1)

-- name: forget_state_maps
-- But for those that the past is read by.
delete from state_map
where name = any(%(names)s::text[])
   or name not in (select state_map from tag_span where state_map is not null)

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
-- By state map: everything that raw states mean.
select name, string_agg(concat_ws('=', raw, state, reason_id), ',' order by raw) from state_map group by name

-- name: states_by
-- The machines whose states are read by one of these maps, and since when.
select s.machine_id, greatest(min(s.t0), min(i.t0))
from tag_span s
cross join lateral (select min(t0) as t0 from state_interval where machine_id = s.machine_id) i
where s.role = 'state' and s.state_map = any(%(names)s::text[]) and i.t0 is not null
group by s.machine_id

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
