-- name: add
with added as (
    insert into count_correction (machine_id, at, good, scrap, rework, reason, actor, recorded_at)
    values (%(machine_id)s, %(at)s, %(good)s, %(scrap)s, %(rework)s, %(reason)s, %(actor)s, %(now)s)
    returning id
)
insert into count_correction_due select id from added returning id

-- name: notify
select pg_notify('taktboard_fact', '')

-- name: newest
select at, good, scrap, rework, reason, actor, recorded_at
from count_correction
where machine_id = %(machine_id)s and at >= %(t0)s and at < %(t1)s
order by at, id
