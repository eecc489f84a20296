-- Orders that boards look up every second, by an index.

-- Few are open or just over, of all that ever were.
create index operation_open on operation (status) where status in ('planned', 'released', 'running', 'held');
create index operation_over on operation ((coalesce(ended_at, at))) where status in ('done', 'cancelled');
