-- name: halts
-- What stops took of planned work in [t0, t1), piece by piece, of a merged one what was stopped; of a line or
-- an area while its machines stood there; of production days [first, last) and of one shift, if asked. `at`: of the one that began then. A piece is what the stop was (of a merged one without a reason, what that part was), but
-- where neighbours explain a stop that is idle without a reason. `is_unexplained`: of a stop longer than a minor one, down or idle, and nobody knows why.
with stay as materialized (
    select id as machine_id, code, micro_stop_s, %(t0)s::timestamptz as t0, %(t1)s::timestamptz as t1
    from machine
    where %(kind)s = 'site' or %(kind)s = 'machine' and code = %(whose)s
    union all
    select m.id, m.code, m.micro_stop_s, greatest(s.t0, %(t0)s), least(s.t1, %(t1)s)
    from machine_line_span s
    join machine m on m.id = s.machine_id
    join line on line.id = s.line_id
    join area on area.id = line.area_id
    where %(kind)s = 'line' and line.code = %(whose)s or %(kind)s = 'area' and area.code = %(whose)s
), work as materialized (
    select x.machine_id, s.code, s.micro_stop_s, d.upto, x.shift_id, x.t0 as begun,
           greatest(x.t0, s.t0) as t0, least(x.t1, s.t1) as t1,
           tstzmultirange(tstzrange(greatest(x.t0, s.t0), least(x.t1, s.t1))) as at
    from stay s
    join derive_tail d on d.machine_id = s.machine_id
    join machine_work x on x.machine_id = s.machine_id
    where x.slice_t0 < %(t1)s and x.slice_t0 > %(t0)s::timestamptz - interval '2 days'
      and x.t0 < least(s.t1, d.upto) and x.t1 > s.t0 and s.t0 < s.t1
      and (%(first)s::date is null or x.shift_id in (
          select id from shift_instance
          where day >= %(first)s and day < %(last)s and (%(shift)s::text is null or code = %(shift)s)
      ))
), told as materialized (
    select work.machine_id, work.t0, w.starved * work.at as starved, w.blocked * work.at as blocked
    from unnest(%(waiting)s::text[], %(starved)s::tstzmultirange[], %(blocked)s::tstzmultirange[])
        as w (code, starved, blocked)
    join work on work.code = w.code
), halt as materialized (
    select w.machine_id, w.code, w.t0 as work_t0, s.t0 as begun, s.reason_id, x.element, s.is_minor,
           x.element = 'idle' and s.reason_id is null as is_silent,
           x.element in ('down', 'idle') and s.reason_id is null and not s.is_minor
               and coalesce(s.t1, w.upto) - s.t0 >= make_interval(secs => w.micro_stop_s + s.between_s)
               as is_unexplained,
           greatest(x.t0, w.t0) as t0, least(x.t1, w.t1) as t1
    from work w
    cross join lateral (
        select s.* from stop_since(w.machine_id, w.t0) earliest, stop_span s
        where s.machine_id = w.machine_id and s.t0 >= earliest.since and s.t0 < least(w.t1, w.upto)
          and coalesce(s.t1, 'infinity') > w.t0
        offset 0
    ) s
    cross join lateral (
        select s.t0, coalesce(s.t1, w.upto) as t1, s.element where s.between_s = 0
        union all
        select greatest(i.t0, s.t0), least(i.t1, s.t1, w.upto),
               case when s.reason_id is null then i.state else s.element end
        from state_interval i
        where s.between_s > 0 and i.machine_id = s.machine_id and i.t1 > s.t0
          and i.t0 < coalesce(s.t1, w.upto)
          and i.t0 >= (select since from interval_since(s.machine_id, s.t0))
          and i.state in ('planned_stop', 'setup', 'down', 'idle', 'starved', 'blocked')
    ) x
    where x.t0 < w.t1 and x.t1 > w.t0
      and (%(at)s::timestamptz is null or s.t0 = %(at)s)
), piece as materialized (
    select h.machine_id, h.code, h.work_t0, h.begun, h.reason_id, h.is_minor, h.element, h.is_unexplained,
           h.t0, h.t1
    from halt h
    where not h.is_silent or not exists (select from told t where t.machine_id = h.machine_id and t.t0 = h.work_t0)
    union all
    select h.machine_id, h.code, h.work_t0, h.begun, h.reason_id, h.is_minor, x.element, x.is_unexplained,
           lower(x.at), upper(x.at)
    from halt h
    join told t on t.machine_id = h.machine_id and t.t0 = h.work_t0
    cross join lateral (select tstzmultirange(tstzrange(h.t0, h.t1)) as at) of
    cross join lateral (
        select h.element, h.is_unexplained, unnest(of.at - t.starved - t.blocked) as at
        union all
        select 'starved', false, unnest(of.at * t.starved)
        union all
        select 'blocked', false, unnest(of.at * t.blocked)
    ) x
    where h.is_silent
)

-- name: taken
-- Planned work that each stop took of windows, which are within [t0, t1), by what it was. Of several,
-- `is_most` is what took the most, of equal ones what is explained: the stop counts for that.
, lost as (
    select w.n - 1 as n, p.*, date_part('epoch', least(p.t1, w.b) - greatest(p.t0, w.a)) as seconds
    from piece p
    join unnest(%(a)s::timestamptz[], %(b)s::timestamptz[]) with ordinality as w (a, b, n)
        on p.t0 < w.b and p.t1 > w.a
), taken as materialized (
    select n, machine_id, code, begun, reason_id, is_minor, element, is_unexplained, sum(seconds) as seconds,
           coalesce(sum(sum(seconds)) filter (where is_unexplained) over stop, 0) as unexplained_s,
           row_number() over (stop order by sum(seconds) desc, element desc) = 1 as is_most
    from lost
    group by n, machine_id, code, begun, reason_id, is_minor, element, is_unexplained
    window stop as (partition by n, machine_id, begun)
)

-- name: summed
-- By window, machine, reason and element; a stop counts in each window of which it takes some.
, summed as (
    select t.n, t.code, r.code as reason, r.name, t.element::text, t.is_unexplained, t.is_minor,
           sum(t.seconds) as seconds, count(*) filter (where t.is_most) as stops
    from taken t left join reason r on r.id = t.reason_id
    group by t.n, t.code, r.id, t.element, t.is_unexplained, t.is_minor
)

-- name: newest
-- Stops that took planned work, the newest first; where `asks`, those without a reason before the others.
, listed as (
    select machine_id, begun, element, is_unexplained, unexplained_s
    from taken where is_most
    order by %(asks)s and is_unexplained desc, begun desc, code
    limit %(count)s
)

-- name: one
-- The one that began at a moment, whether it took planned work or not.
, listed as (
    select s.machine_id, s.t0 as begun, coalesce(t.element, s.element) as element,
           coalesce(t.is_unexplained, false) as is_unexplained, coalesce(t.unexplained_s, 0) as unexplained_s
    from machine m
    join stop_span s on s.machine_id = m.id and s.t0 = %(at)s
    left join taken t on t.machine_id = s.machine_id and t.is_most
    where m.code = %(whose)s
)

-- name: shown
, shown as (
    select m.code, l.machine_id, l.begun, s.t1, coalesce(s.t1, greatest(d.upto, s.t0)) as upto, l.element::text, r.code as reason, r.name, s.said_by, s.is_minor,
           l.is_unexplained, l.unexplained_s,
           date_part('epoch', coalesce(s.t1, greatest(d.upto, s.t0)) - s.t0) - s.between_s as seconds,
           s.edits, coalesce(s.edit_id, 0) as edit_id, s.comment
    from listed l
    join machine m on m.id = l.machine_id
    join stop s on s.machine_id = l.machine_id and s.t0 = l.begun
    left join derive_tail d on d.machine_id = l.machine_id
    left join reason r on r.id = s.reason_id
)

-- name: sums
select * from summed order by n, seconds desc;

-- name: stop
select * from shown;

-- name: board
-- Sums and stops at once, each row one or the other: what was cut for one is not cut again for the other.
select summed.*, shown.*
from summed full join shown on false
order by n, summed.seconds desc, %(asks)s and shown.is_unexplained desc, begun desc, shown.code;

-- name: unexplained
-- Stretches of planned work lost to stops that nobody explained: machine, its line and area then, shift and
-- production day.
select p.code, line.code, area.code, greatest(p.t0, place.t0), least(p.t1, place.t1),
       coalesce(shift.code, ''), coalesce(shift.day, (work.begun at time zone %(zone)s)::date)
from piece p
join work on work.machine_id = p.machine_id and work.t0 = p.work_t0
join machine_line_span place on place.machine_id = p.machine_id and place.t0 < p.t1 and place.t1 > p.t0
join line on line.id = place.line_id
join area on area.id = line.area_id
left join shift_instance shift on shift.id = work.shift_id
where p.is_unexplained
order by 4, 1;

-- name: usual
-- Reasons that a machine's stops had of late, the most frequent first; an operator's word counts more.
select r.code
from stop_span s
join reason r on r.id = s.reason_id and r.retired_at is null
where s.machine_id = %(machine_id)s and s.t0 > %(since)s
group by r.code
order by count(*) filter (where s.said_by = 'operator') desc, count(*) desc, r.code;

-- name: beside
-- The stops before and after one: begin, end, seconds between.
select * from (
    (select 'before', s.t0, s.t1, date_part('epoch', %(t0)s - coalesce(s.t1, %(t0)s))
     from stop_span s where machine_id = %(machine_id)s and t0 < %(t0)s order by t0 desc limit 1)
    union all
    (select 'after', s.t0, s.t1, date_part('epoch', s.t0 - %(t1)s::timestamptz)
     from stop_span s where machine_id = %(machine_id)s and t0 > %(t0)s order by t0 limit 1)
) found;

-- name: said
-- What the machine itself said when it stopped.
select i.state::text, r.name
from state_interval i left join reason r on r.id = i.reason_id
where i.machine_id = %(machine_id)s and i.t0 <= %(t0)s
order by i.t0 desc limit 1;
