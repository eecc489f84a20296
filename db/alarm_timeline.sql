-- name: courses
-- Occurrences of alarms with what came of each; a machine's stop is over when the machine is known to do
-- something else, any other alarm when its condition is gone.
select
    alarm.id, alarm.rule, alarm.kind, alarm.subject, raised.params,
    (raised.params ->> 'began')::timestamptz as detected,
    raised.at,
    mailed.at,
    acknowledged.at, acknowledged.actor,
    coalesce(ran.t0, returned.at) as fixed
from alarm_event raised
join alarm on alarm.id = raised.alarm_id
left join lateral (
    select min(id) as id from alarm_event
    where alarm_id = raised.alarm_id and cause = 'raised' and id > raised.id
) following on true
left join lateral (
    select min(coalesce(mail.sent_plant_at, mail.sent_at)) as at
    from mail_outbox_event enclosed
    join mail_outbox mail on mail.id = enclosed.mail_id
    where enclosed.alarm_event_id = raised.id
) mailed on true
left join lateral (
    select at, actor from alarm_event
    where alarm_id = raised.alarm_id and cause = 'acknowledged' and id > raised.id
        and id < coalesce(following.id, 9223372036854775807)
    order by id
    limit 1
) acknowledged on true
left join lateral (
    select at from alarm_event
    where alarm_id = raised.alarm_id and cause in ('returned', 'cleared') and id > raised.id
        and id < coalesce(following.id, 9223372036854775807)
    order by id
    limit 1
) returned on true
left join lateral (
    select state_interval.t0
    from machine
    join state_interval on state_interval.machine_id = machine.id
    where alarm.kind = 'machine_down' and alarm.subject = 'machine:' || machine.code
        and state_interval.state not in ('down', 'unknown')
        and state_interval.t0 > coalesce((raised.params ->> 'began')::timestamptz, raised.at)
    order by state_interval.t0
    limit 1
) ran on true
where raised.cause = 'raised'
    and (%(alarm)s::integer is null or alarm.id = %(alarm)s)
    and (%(alarm)s::integer is not null or alarm.kind = 'machine_down')
    and (%(subject)s::text is null or alarm.subject = %(subject)s)
    and (%(t0)s::timestamptz is null or coalesce(ran.t0, returned.at, %(t1)s) > %(t0)s)
    and (%(t1)s::timestamptz is null or coalesce((raised.params ->> 'began')::timestamptz, raised.at) < %(t1)s)
order by
    %(active_first)s and following.id is null and alarm.state in ('unacknowledged', 'acknowledged') desc,
    raised.id desc
limit %(count)s
