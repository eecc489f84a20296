-- name: known
-- Every alarm that a step may move: under way, active, or returned; locked until the step is stored.
select id, rule, subject, state, since, raised_at, pending_at, clearing_at, value, limit_value, priority
from alarm
where state <> 'normal' or pending_at is not null
order by id
for update

-- name: one
select id, rule, subject, state, since, raised_at, pending_at, clearing_at, value, limit_value, priority
from alarm
where id = %(alarm_id)s
for update

-- name: by_key
select id, rule, subject, state, since, raised_at, pending_at, clearing_at, value, limit_value, priority
from alarm
where rule = %(rule)s and subject = %(subject)s
for update

-- name: store
-- Of an occurrence that goes on, what is not known now stays as it was known last.
insert into alarm (
    rule, subject, kind, priority, state, since, raised_at, pending_at, clearing_at, value, limit_value, params
)
values (
    %(rule)s, %(subject)s, %(kind)s, %(priority)s, %(state)s, %(since)s, %(raised_at)s, %(pending_at)s,
    %(clearing_at)s, %(value)s, %(limit_value)s, %(params)s::jsonb
)
on conflict (rule, subject) do update set
    kind = excluded.kind, priority = excluded.priority, state = excluded.state,
    since = case when alarm.state = excluded.state then alarm.since else excluded.since end,
    raised_at = coalesce(excluded.raised_at, alarm.raised_at), pending_at = excluded.pending_at,
    clearing_at = excluded.clearing_at, value = coalesce(excluded.value, alarm.value),
    limit_value = coalesce(excluded.limit_value, alarm.limit_value),
    params = case when %(is_new)s then excluded.params else alarm.params || excluded.params end
returning id

-- name: move
update alarm set state = %(state)s, since = %(since)s, pending_at = %(pending_at)s, clearing_at = %(clearing_at)s
where id = %(alarm_id)s

-- name: record
insert into alarm_event (alarm_id, at, old, new, cause, actor, value, params)
select %(alarm_id)s, %(at)s, %(old)s, %(new)s, %(cause)s, %(actor)s, alarm.value, alarm.params
from alarm
where alarm.id = %(alarm_id)s

-- name: notify
select pg_notify('taktboard_live', 'alarm')
