-- state_told looks up the stops of an interval from the one on that may have begun before it: it read a day of
-- them for each.

create or replace view state_told as
select i.machine_id, greatest(i.t0, s.t0) as t0, least(i.t1, s.t1) as t1,
       coalesce(s.element, i.state) as state, coalesce(s.reason_id, i.reason_id) as reason_id, i.is_open,
       i.t0 as said_from, i.t1 as said_upto, coalesce(s.t0, i.t0) as stop_from
from state_interval i
left join lateral (
    select s.element, s.reason_id, s.t0, s.t1
    from stop_since(i.machine_id, i.t0) earliest, stop_span s
    where s.machine_id = i.machine_id and s.t0 >= earliest.since and s.t0 < i.t1
      and coalesce(s.t1, 'infinity') > i.t0
      and i.state in ('planned_stop', 'setup', 'down', 'idle', 'starved', 'blocked')
    offset 0
) s on true;
