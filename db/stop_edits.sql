-- name: alone
-- Who writes of a machine's stops looks first at what others wrote.
select pg_advisory_xact_lock(7228021, %(machine_id)s);

-- name: known
select id from stop_edit where key = %(key)s;

-- name: stop
-- A stop with how far it is derived, and the newest word on it that the sender has not seen.
select s.t0, s.t1, coalesce(s.t1, d.upto, s.t0), e.actor, e.kind
from stop s
left join derive_tail d on d.machine_id = s.machine_id
left join stop_edit e on e.id = s.edit_id and e.id > %(seen)s
where s.machine_id = %(machine_id)s and s.t0 = %(t0)s;

-- name: beside
-- The stop before and the one after.
(select t0, t1 from stop_span where machine_id = %(machine_id)s and t0 < %(t0)s order by t0 desc limit 1)
union all
(select t0, t1 from stop_span where machine_id = %(machine_id)s and t0 > %(t0)s order by t0 limit 1);

-- name: reason
-- A reason that may still be given.
select from reason where id = %(reason_id)s and retired_at is null;

-- name: add
insert into stop_edit (key, machine_id, kind, t0, t1, is_open, reason_id, comment, actor, at, supersedes)
values (%(key)s, %(machine_id)s, %(kind)s, %(t0)s, %(t1)s, %(is_open)s, %(reason_id)s, %(comment)s, %(actor)s,
        %(at)s, %(supersedes)s)
returning id;

-- name: edit
-- One that counts.
select machine_id, t0, t1, is_open from stop_edit_active where id = %(id)s;

-- name: reach
-- All that the machine said where an edit lies.
select least(min(t0), %(t0)s), greatest(max(t1), %(t1)s)
from (
    (select t0, t1 from state_interval where machine_id = %(machine_id)s and t0 <= %(t0)s order by t0 desc limit 1)
    union all
    select t0, t1 from state_interval where machine_id = %(machine_id)s and t0 > %(t0)s and t0 < %(t1)s
) said
where t1 >= %(t0)s;

-- name: history
-- What was said of a stretch, the newest first, withdrawn or not.
select e.id, e.kind, e.t0, e.t1, e.is_open, r.code, r.name, e.comment, e.actor, e.at, w.actor, w.at
from stop_edit e
left join reason r on r.id = e.reason_id
left join stop_edit w on w.supersedes = e.id
where e.machine_id = %(machine_id)s and e.kind <> 'withdraw'
  and e.t1 >= %(t0)s and e.t0 < %(t1)s and (e.t1 > %(t0)s or e.kind = 'split')
order by e.id desc
limit %(count)s;

-- name: notify
select pg_notify('taktboard_fact', '');
