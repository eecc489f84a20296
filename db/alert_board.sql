-- name: active
select
    alarm.id, alarm.rule, alarm.kind, alarm.subject, alarm.priority, alarm.state, alarm.since,
    alarm.raised_at, alarm.value, alarm.limit_value, alarm.params,
    coalesce(mails.each, '{}')
from alarm
left join lateral (
    select array_agg(array[mail.recipient, coalesce(mail.sent_plant_at, mail.sent_at)::text, mail.failed_at::text, mail.error] order by mail.id) as each
    from (
        select distinct mail_outbox.*
        from alarm_event event
        join mail_outbox_event enclosed on enclosed.alarm_event_id = event.id
        join mail_outbox on mail_outbox.id = enclosed.mail_id
        where event.alarm_id = alarm.id and event.at >= alarm.raised_at
    ) mail
) mails on true
where alarm.state <> 'normal'
order by
    alarm.state = 'acknowledged',
    case alarm.priority when 'critical' then 0 when 'warning' then 1 else 2 end,
    alarm.raised_at desc, alarm.id
limit %(count)s

-- name: counts
select
    count(*) filter (where state = 'unacknowledged'), count(*) filter (where state = 'acknowledged'),
    count(*) filter (where state = 'returned')
from alarm
where state <> 'normal'

-- name: history
select
    event.id, event.at, alarm.id, alarm.rule, alarm.kind, alarm.subject, alarm.priority, event.cause,
    event.actor, event.value, alarm.limit_value, event.params,
    coalesce(mails.each, '{}')
from alarm_event event
join alarm on alarm.id = event.alarm_id
left join lateral (
    select array_agg(array[mail.recipient, coalesce(mail.sent_plant_at, mail.sent_at)::text, mail.failed_at::text, mail.error] order by mail.id) as each
    from mail_outbox_event enclosed
    join mail_outbox mail on mail.id = enclosed.mail_id
    where enclosed.alarm_event_id = event.id
) mails on true
where event.at > %(since)s
    and (%(priority)s::text is null or alarm.priority = %(priority)s)
    and (%(kind)s::text is null or alarm.kind = %(kind)s)
    and (%(cause)s::text is null or event.cause = %(cause)s)
order by event.at desc, event.id desc
limit %(count)s

-- name: anomaly_tag
-- The tag of an alarm that was asked for, else of the anomaly raised last.
select tag.id, tag.code, tag.label, tag.unit
from alarm
join tag on alarm.subject = 'tag:' || tag.code
where alarm.kind = 'anomaly' and alarm.raised_at is not null
    and (%(alarm)s::integer is null or alarm.id = %(alarm)s)
order by alarm.state = 'normal', alarm.raised_at desc
limit 1

-- name: band
select ts, low, high
from anomaly_score
where tag_id = %(tag_id)s and ts > %(since)s and ts <= %(now)s
order by ts

-- name: trend
select ts, sum / nullif(n, 0)
from tag_1m
where tag_id = %(tag_id)s and ts > %(since)s and ts <= %(now)s
order by ts
