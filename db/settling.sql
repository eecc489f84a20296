-- name: late
-- Whether something of [t0, t1) older than `settled` waits to be derived or rolled up.
select exists (
    select from derive_dirty d
    join machine m on m.id = d.machine_id
    where d.t0 < least(%(t1)s, %(settled)s::timestamptz) and d.t1 >= %(t0)s
      and (%(machines)s::text[] is null or m.code = any (%(machines)s))
) or exists (
    select from rollup_dirty
    where level in ('machine_15m', 'machine_1h') and t0 < least(%(t1)s, %(rolled)s::timestamptz) and t1 > %(t0)s
)

-- name: lates
-- Stretches older than `settled` that wait to be derived or rolled up; '' of all machines.
select m.code, greatest(d.t0, 'epoch'), least(d.t1, %(settled)s::timestamptz)
from derive_dirty d join machine m on m.id = d.machine_id
where d.t0 < %(settled)s
union all
select '', greatest(t0, 'epoch'), least(t1, %(rolled)s::timestamptz) from rollup_dirty
where level in ('machine_15m', 'machine_1h') and t0 < %(rolled)s

-- name: upto
-- Up to where the machines' facts are known.
select min(t.upto)
from derive_tail t
join machine m on m.id = t.machine_id and m.retired_at is null
where %(machines)s::text[] is null or m.code = any (%(machines)s)
