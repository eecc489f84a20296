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
