-- name: alone
-- Who puts a machine's counts right looks first at what others did.
select pg_advisory_xact_lock(7228022, %(machine_id)s)

-- name: known
select id from count_correction where key = %(key)s

-- name: add
with added as (
    insert into count_correction (machine_id, at, good, scrap, rework, reason, actor, recorded_at, key, supersedes)
    values (%(machine_id)s, %(at)s, %(good)s, %(scrap)s, %(rework)s, %(reason)s, %(actor)s, %(now)s,
            %(key)s, %(supersedes)s)
    returning id
)
insert into count_correction_due select id from added returning id

-- name: notify
select pg_notify('taktboard_fact', '')

-- name: standing
-- One that still counts.
select c.machine_id, c.at, c.good, c.scrap, c.rework, c.reason
from count_correction c
where c.id = %(id)s and c.supersedes is null
  and not exists (select from count_correction w where w.supersedes = c.id)

-- name: newest
select at, good, scrap, rework, reason, actor, recorded_at
from count_correction
where machine_id = %(machine_id)s and at >= %(t0)s and at < %(t1)s
order by at, id

-- name: listed
-- The newest first, each with who withdrew it.
select c.id, m.code, c.at, c.good, c.scrap, c.rework, c.reason, c.actor, c.recorded_at, w.actor, w.recorded_at
from count_correction c
join machine m on m.id = c.machine_id
left join count_correction w on w.supersedes = c.id
where c.supersedes is null and (%(before)s::bigint is null or c.id < %(before)s)
order by c.id desc
limit %(count)s
