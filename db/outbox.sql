-- name: unprocessed
-- Transitions that nobody was told of yet, oldest first.
select event.id, alarm.rule, event.cause
from alarm_event event
join alarm on alarm.id = event.alarm_id
where not event.processed
order by event.id
limit %(most)s
for update of event skip locked

-- name: processed
update alarm_event set processed = true where id = any(%(ids)s::bigint[])

-- name: recent
-- Mails made for each recipient within the window.
select recipient, count(*)
from mail_outbox
where created_at > clock_timestamp() - make_interval(secs => %(window_s)s)
group by recipient

-- name: waiting
-- The digest of each recipient that still waits for the end of its window; locked.
select recipient, id
from mail_outbox
where sent_at is null and failed_at is null and attempts = 0 and next_attempt > clock_timestamp()
    and fallback_for is null
for update

-- name: post
insert into mail_outbox (alarm_event_id, recipient, address, language, message_id, created_at, next_attempt)
values (
    %(alarm_event_id)s, %(recipient)s, %(address)s, %(language)s, %(message_id)s, clock_timestamp(),
    clock_timestamp() + make_interval(secs => %(wait_s)s)
)
returning id

-- name: divert
-- The same news to another recipient, at once; nothing where that was done before.
with diverted as (
    insert into mail_outbox (
        alarm_event_id, recipient, address, language, message_id, created_at, next_attempt, fallback_for
    )
    select
        alarm_event_id, %(recipient)s, %(address)s, %(language)s, %(message_id)s, clock_timestamp(),
        clock_timestamp(), id
    from mail_outbox
    where id = %(mail_id)s and fallback_for is null
    on conflict (fallback_for) do nothing
    returning id
)
insert into mail_outbox_event (mail_id, alarm_event_id)
select diverted.id, enclosed.alarm_event_id
from diverted, mail_outbox_event enclosed
where enclosed.mail_id = %(mail_id)s

-- name: enclose
insert into mail_outbox_event (mail_id, alarm_event_id)
select %(mail_id)s, unnest(%(event_ids)s::bigint[])
on conflict do nothing

-- name: soon
set local idle_in_transaction_session_timeout = '30s'

-- name: claim
-- The mail that has been due longest. It is ours for a while: if we die, another takes it then.
update mail_outbox
set attempts = attempts + 1, next_attempt = clock_timestamp() + make_interval(secs => %(lease_s)s)
where id = (
    select id
    from mail_outbox
    where sent_at is null and failed_at is null and next_attempt <= clock_timestamp()
    order by next_attempt, id
    limit 1
    for update skip locked
)
returning id, recipient, address, language, message_id, attempts, created_at,
    extract(epoch from clock_timestamp() - created_at)::double precision,
    (select array[refused.recipient, refused.address, refused.error]
     from mail_outbox refused where refused.id = mail_outbox.fallback_for)

-- name: told
select
    event.id, alarm.id, alarm.rule, alarm.kind, alarm.subject, alarm.priority,
    event.at, event.cause, event.value, alarm.raised_at, event.params
from mail_outbox_event enclosed
join alarm_event event on event.id = enclosed.alarm_event_id
join alarm on alarm.id = event.alarm_id
where enclosed.mail_id = %(mail_id)s
order by event.id

-- name: sent
update mail_outbox
set sent_at = clock_timestamp(), sent_plant_at = %(now)s, error = null
where id = %(mail_id)s and sent_at is null

-- name: later
update mail_outbox
set next_attempt = clock_timestamp() + make_interval(secs => %(wait_s)s), error = %(error)s
where id = %(mail_id)s and sent_at is null

-- name: failed
update mail_outbox set failed_at = clock_timestamp(), error = %(error)s where id = %(mail_id)s and sent_at is null
