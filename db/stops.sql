-- name: halts
-- Stops in [t0, t1), cut to it, of a merged one what was stopped; `at`: the one that began then. A piece is what
-- the stop was, but where neighbours explain a stop that is idle without a reason. `is_unexplained`: of a stop
-- longer than a minor one, down or idle, and nobody knows why.
with halt as materialized (
    select s.machine_id, m.code, s.t0 as begun, s.reason_id, s.element, s.is_minor,
           s.element in ('down', 'idle') and s.reason_id is null and not s.is_minor
               and coalesce(s.t1, d.upto) - s.t0 >= make_interval(secs => m.micro_stop_s + s.between_s)
               as is_unexplained,
           tstzmultirange(tstzrange(greatest(x.t0, %(t0)s), least(x.t1, %(t1)s))) as at
    from machine m
    cross join lateral stop_since(m.id, %(t0)s) earliest
    join stop_span s on s.machine_id = m.id and s.t0 >= earliest.since
    join derive_tail d on d.machine_id = s.machine_id
    cross join lateral (
        select s.t0, coalesce(s.t1, d.upto) as t1 where s.between_s = 0
        union all
        select greatest(i.t0, s.t0), least(i.t1, s.t1, d.upto)
        from state_interval i
        where s.between_s > 0 and i.machine_id = s.machine_id and i.t1 > s.t0
          and i.t0 < coalesce(s.t1, d.upto)
          and i.t0 >= (select max(t0) from state_interval where machine_id = s.machine_id and t0 <= s.t0)
          and i.state in ('planned_stop', 'setup', 'down', 'idle', 'starved', 'blocked')
    ) x
    where s.t0 < least(%(t1)s, d.upto) and coalesce(s.t1, 'infinity') > %(t0)s
      and x.t0 < %(t1)s and x.t1 > %(t0)s
      and (%(machines)s::text[] is null or m.code = any (%(machines)s))
      and (%(at)s::timestamptz is null or s.t0 = %(at)s)
), told as (
    select s.machine_id, s.t0 as begun,
           coalesce(range_agg(tstzrange(w.t0, w.t1)) filter (where w.element = 'starved'), '{}') as starved,
           coalesce(range_agg(tstzrange(w.t0, w.t1)) filter (where w.element = 'blocked'), '{}') as blocked
    from unnest(%(waiting)s::text[], %(since)s::timestamptz[], %(upto)s::timestamptz[], %(as)s::text[])
        as w (code, t0, t1, element)
    join machine m on m.code = w.code
    cross join lateral stop_since(m.id, w.t0) earliest
    cross join lateral (
        select machine_id, t0 from stop_span
        where machine_id = m.id and t0 < w.t1 and coalesce(t1, 'infinity') > w.t0
          and t0 >= earliest.since
          and element = 'idle' and reason_id is null
        offset 0
    ) s
    group by s.machine_id, s.t0
), piece as materialized (
    select h.machine_id, h.code, h.begun, h.reason_id, h.is_minor, x.element, x.is_unexplained,
           lower(x.at) as t0, upper(x.at) as t1
    from halt h
    left join told t on t.machine_id = h.machine_id and t.begun = h.begun
    cross join lateral (
        select h.element, h.is_unexplained,
               unnest(h.at - coalesce(t.starved, '{}') - coalesce(t.blocked, '{}')) as at
        union all
        select 'starved', false, unnest(h.at * t.starved)
        union all
        select 'blocked', false, unnest(h.at * t.blocked)
    ) x
)

-- name: taken
-- Planned work that each stop took of windows, which are within [t0, t1), by what it was. Of several,
-- `is_most` is what took the most, of equal ones what is explained: the stop counts for that.
, lost as (
    select w.n - 1 as n, p.*, k.seconds
    from piece p
    join unnest(%(a)s::timestamptz[], %(b)s::timestamptz[]) with ordinality as w (a, b, n)
        on p.t0 < w.b and p.t1 > w.a
    cross join lateral (
        select sum(date_part('epoch', least(x.t1, p.t1, w.b) - greatest(x.t0, p.t0, w.a))) as seconds
        from machine_work x
        where x.machine_id = p.machine_id and x.slice_t0 < least(p.t1, w.b)
          and x.slice_t0 > greatest(p.t0, w.a) - interval '2 days'
          and x.t0 < least(p.t1, w.b) and x.t1 > greatest(p.t0, w.a)
    ) k
    where k.seconds > 0
), taken as (
    select n, machine_id, code, begun, reason_id, is_minor, element, is_unexplained, sum(seconds) as seconds,
           coalesce(sum(sum(seconds)) filter (where is_unexplained) over stop, 0) as unexplained_s,
           row_number() over (stop order by sum(seconds) desc, element desc) = 1 as is_most
    from lost
    group by n, machine_id, code, begun, reason_id, is_minor, element, is_unexplained
    window stop as (partition by n, machine_id, begun)
)

-- name: sums
-- By window, machine, reason and element; a stop counts in each window of which it takes some.
select t.n, t.code, r.code, r.name, t.element::text, t.is_unexplained, t.is_minor, sum(t.seconds),
       count(*) filter (where t.is_most)
from taken t left join reason r on r.id = t.reason_id
group by t.n, t.code, r.id, t.element, t.is_unexplained, t.is_minor
order by t.n, sum(t.seconds) desc;

-- name: newest
-- Stops that took planned work: those without a reason first, then the newest first.
, listed as (
    select machine_id, begun, element, is_unexplained, unexplained_s
    from taken where is_most
    order by is_unexplained desc, begun desc, code
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
    where m.code = any (%(machines)s)
)

-- name: stops
select m.code, l.machine_id, l.begun, s.t1, l.element::text, r.code, r.name, s.said_by, s.is_minor,
       l.is_unexplained, l.unexplained_s,
       date_part('epoch', coalesce(s.t1, greatest(d.upto, s.t0)) - s.t0) - s.between_s,
       s.edits, coalesce(s.edit_id, 0), s.comment
from listed l
join machine m on m.id = l.machine_id
join stop s on s.machine_id = l.machine_id and s.t0 = l.begun
left join derive_tail d on d.machine_id = l.machine_id
left join reason r on r.id = s.reason_id
order by l.is_unexplained desc, l.begun desc, m.code;

-- name: unexplained
-- Stretches of planned work lost to stops that nobody explained: machine, its line and area then, shift and
-- production day.
select p.code, line.code, area.code, greatest(p.t0, x.t0, place.t0), least(p.t1, x.t1, place.t1),
       coalesce(shift.code, ''), coalesce(shift.day, (x.t0 at time zone %(zone)s)::date)
from piece p
join machine_work x on x.machine_id = p.machine_id and x.t0 < p.t1 and x.t1 > p.t0
    and x.slice_t0 < p.t1 and x.slice_t0 > p.t0 - interval '2 days'
join machine_line_span place on place.machine_id = p.machine_id
    and place.t0 < least(p.t1, x.t1) and place.t1 > greatest(p.t0, x.t0)
join line on line.id = place.line_id
join area on area.id = line.area_id
left join shift_instance shift on shift.id = x.shift_id
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
