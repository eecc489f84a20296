-- name: stops
-- Stops that took planned work in [t0, t1): those without a reason first, then the newest first.
with wanted as (
    select s.*, m.code, m.micro_stop_s, greatest(coalesce(d.upto, s.t0), s.t0) as upto
    from machine m
    cross join lateral stop_since(m.id, %(t0)s) earliest
    join stop_span s on s.machine_id = m.id and s.t0 >= earliest.since
    left join derive_tail d on d.machine_id = s.machine_id
    where s.t0 < %(t1)s and coalesce(s.t1, 'infinity') > %(t0)s and m.code = any (%(machines)s)
      and (%(at)s::timestamptz is null or s.t0 = %(at)s)
), told as (
    select w.*, date_part('epoch', coalesce(w.t1, w.upto) - w.t0) - w.between_s as seconds, k.lost_s
    from wanted w
    cross join lateral (
        select coalesce(sum(date_part('epoch', least(x.t1, coalesce(w.t1, w.upto)) - greatest(x.t0, w.t0))), 0)
                   as lost_s
        from machine_work x
        where x.machine_id = w.machine_id and x.slice_t0 < coalesce(w.t1, w.upto)
          and x.slice_t0 > w.t0 - interval '2 days'
          and x.t0 < coalesce(w.t1, w.upto) and x.t1 > w.t0
    ) k
), chosen as (
    select *, element in ('down', 'idle') and reason_id is null and not is_minor and lost_s > 0
              and seconds >= micro_stop_s as is_unexplained
    from told
    where lost_s > 0 or %(at)s::timestamptz is not null
), listed as (
    select * from chosen
    order by is_unexplained desc, t0 desc, code
    limit %(count)s
)
select l.code, l.machine_id, l.t0, l.t1, l.element::text, r.code, r.name, l.said_by, l.is_minor,
       l.is_unexplained, l.seconds, l.lost_s, s.edits, coalesce(s.edit_id, 0), s.comment
from listed l
join stop s on s.machine_id = l.machine_id and s.t0 = l.t0
left join reason r on r.id = l.reason_id
order by l.is_unexplained desc, l.t0 desc, l.code;

-- name: halts
-- Stops in [t0, t1), cut to it. `is_unexplained`: longer than a minor stop, down or idle, and nobody knows
-- why. `sums` and `unexplained` are what is made of them.
with halt as materialized (
    select s.machine_id, s.reason_id, s.element, s.is_minor, greatest(s.t0, %(t0)s) as t0,
           least(coalesce(s.t1, d.upto), %(t1)s) as t1, s.t0 as begun,
           s.element in ('down', 'idle') and s.reason_id is null and not s.is_minor
               and coalesce(s.t1, d.upto) - s.t0 >= make_interval(secs => m.micro_stop_s + s.between_s)
               as is_unexplained, m.code,
           -- Of a merged stop, the share of it that was none.
           1 - s.between_s / date_part('epoch', coalesce(s.t1, d.upto) - s.t0) as share
    from machine m
    cross join lateral stop_since(m.id, %(t0)s) earliest
    join stop_span s on s.machine_id = m.id and s.t0 >= earliest.since
    join derive_tail d on d.machine_id = s.machine_id
    where s.t0 < least(%(t1)s, d.upto) and coalesce(s.t1, 'infinity') > %(t0)s
      and (%(machines)s::text[] is null or m.code = any (%(machines)s))
)

-- name: sums
-- Planned work lost in windows, which are within [t0, t1), by window, machine, reason and element; a stop
-- counts in each window of which it takes some.
, lost as (
    select w.n - 1 as n, h.*, k.seconds * h.share as seconds
    from halt h
    join unnest(%(a)s::timestamptz[], %(b)s::timestamptz[]) with ordinality as w (a, b, n)
        on h.t0 < w.b and h.t1 > w.a
    cross join lateral (
        select sum(date_part('epoch', least(x.t1, h.t1, w.b) - greatest(x.t0, h.t0, w.a))) as seconds
        from machine_work x
        where x.machine_id = h.machine_id and x.slice_t0 < least(h.t1, w.b)
          and x.slice_t0 > greatest(h.t0, w.a) - interval '2 days'
          and x.t0 < least(h.t1, w.b) and x.t1 > greatest(h.t0, w.a)
    ) k
    where k.seconds > 0
)
select l.n, l.code, r.code, r.name, l.element::text, l.is_unexplained, l.is_minor, sum(l.seconds), count(*)
from lost l left join reason r on r.id = l.reason_id
group by l.n, l.code, r.id, l.element, l.is_unexplained, l.is_minor
order by l.n, sum(l.seconds) desc;

-- name: unexplained
-- Stretches of planned work lost to stops that nobody explained: machine, its line and area then, the
-- share of the stretch that was stopped, shift and production day.
select h.code, line.code, area.code, greatest(h.t0, x.t0, place.t0), least(h.t1, x.t1, place.t1), h.share,
       coalesce(shift.code, ''), coalesce(shift.day, (x.t0 at time zone %(zone)s)::date)
from halt h
join machine_work x on x.machine_id = h.machine_id and x.t0 < h.t1 and x.t1 > h.t0
    and x.slice_t0 < h.t1 and x.slice_t0 > h.t0 - interval '2 days'
join machine_line_span place on place.machine_id = h.machine_id
    and place.t0 < least(h.t1, x.t1) and place.t1 > greatest(h.t0, x.t0)
join line on line.id = place.line_id
join area on area.id = line.area_id
left join shift_instance shift on shift.id = x.shift_id
where h.is_unexplained
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
