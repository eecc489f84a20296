-- A machine that stands does so since its stop began, as every board counts it: an operator may have cut that or
-- merged it with the one before. What ran between merged parts is no part of how long it stands.

create or replace view machine_now as
select m.id as machine_id, m.line_id, coalesce(s.element, i.state) as state,
       coalesce(s.reason_id, i.reason_id) as reason_id,
       coalesce(s.t0 + make_interval(secs => s.between_s), i.t0) as since, t.upto, t.stale_from
from machine m
left join derive_tail t on t.machine_id = m.id
left join lateral (
    select state, reason_id, t0 from state_interval
    where machine_id = m.id order by t0 desc limit 1
) i on true
left join lateral (
    select element, reason_id, t0, between_s from stop_span
    where machine_id = m.id and t1 is null
      and i.state in ('planned_stop', 'setup', 'down', 'idle', 'starved', 'blocked')
    order by t0 desc limit 1
) s on true
where m.retired_at is null;
