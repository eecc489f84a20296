-- What held at a moment. Each is one select, which the server puts in place of the call.

-- When the interval, and the stop, began that a moment may lie in, however long it goes on.
create function interval_since(machine integer, at timestamptz) returns table (since timestamptz)
language sql stable as $$
    select coalesce(max(t0), '-infinity') from state_interval where machine_id = machine and t0 <= at
$$;

create function stop_since(machine integer, at timestamptz) returns table (since timestamptz)
language sql stable as $$
    select coalesce(max(t0), '-infinity') from stop_span where machine_id = machine and t0 <= at
$$;

-- By which calendar each machine works, as machine_calendar_span has it, without the ends of versions;
-- what machine.calendar_id says is up to a minute late.
create function calendar_at(at timestamptz) returns table (machine_id integer, calendar_id integer)
language sql stable as $$
    (select distinct on (v.machine_id) v.machine_id, v.calendar_id
     from machine_calendar v where v.valid_from <= at
     order by v.machine_id, v.valid_from desc)
    union all
    select m.id, m.calendar_id from machine m
    where not exists (select from machine_calendar v where v.machine_id = m.id)
$$;
