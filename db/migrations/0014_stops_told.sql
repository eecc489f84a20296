-- What the boards show of states and stops, with what people said of them applied.

-- Planned work of each machine by the calendar that it had then. `slice_t0`, `slice_t1`: to ask by.
create view machine_work as
select a.machine_id, greatest(c.t0, a.t0) as t0, least(c.t1, a.t1) as t1, c.shift_id,
       c.calendar_id, c.t0 as slice_t0, c.t1 as slice_t1
from (
    select machine_id, calendar_id, valid_from as t0,
           lead(valid_from, 1, 'infinity') over (partition by machine_id order by valid_from) as t1
    from machine_calendar
) a
join calendar_slice c on c.calendar_id = a.calendar_id and c.t0 < a.t1 and c.t1 > a.t0
where c.kind = 'work';

-- state_interval, with the element and the reason of the stops that lie in it.
create view state_told as
select i.machine_id, greatest(i.t0, s.t0) as t0, least(i.t1, s.t1) as t1,
       coalesce(s.element, i.state) as state, coalesce(s.reason_id, i.reason_id) as reason_id, i.is_open,
       i.t0 as said_from, i.t1 as said_upto, coalesce(s.t0, i.t0) as stop_from
from state_interval i
left join lateral (
    select element, reason_id, t0, t1 from stop_span
    where machine_id = i.machine_id and t0 < i.t1 and t0 > i.t0 - interval '25 hours'
      and coalesce(t1, 'infinity') > i.t0
) s on i.state in ('planned_stop', 'setup', 'down', 'idle', 'starved', 'blocked');

create or replace view machine_now as
select m.id as machine_id, m.line_id, coalesce(s.element, i.state) as state,
       coalesce(s.reason_id, i.reason_id) as reason_id, i.t0 as since, t.upto, t.stale_from
from machine m
left join derive_tail t on t.machine_id = m.id
left join lateral (
    select state, reason_id, t0 from state_interval
    where machine_id = m.id order by t0 desc limit 1
) i on true
left join lateral (
    select element, reason_id from stop_span
    where machine_id = m.id and t1 is null
      and i.state in ('planned_stop', 'setup', 'down', 'idle', 'starved', 'blocked')
    order by t0 desc limit 1
) s on true
where m.retired_at is null;
