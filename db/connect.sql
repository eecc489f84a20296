-- name: set_locally
select set_config(name, value, true)
from unnest(%(names)s::text[], %(values)s::text[]) as s (name, value);
