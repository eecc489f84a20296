-- name: tags
-- The newest reading of each tag, and whether its source is heard at all.
select
    tag.code,
    newest.value,
    newest.ts,
    newest.quality,
    coalesce(
        status.connected and status.last_heard >= %(now)s::timestamptz - make_interval(secs => source.stale_after_s),
        false
    ) as is_heard
from tag
join source on source.id = tag.source_id
left join source_status status on status.source_id = source.id
left join lateral (
    select reading.value, reading.ts, reading.quality
    from reading
    where reading.tag_id = tag.id
    order by reading.ts desc
    limit 1
) newest on true
where tag.code = any(%(codes)s::text[]) and tag.retired_at is null

-- name: machines
-- What each machine does now, since when it is down without a break, and how much of that was
-- working time: shifts without their breaks.
select
    machine.code,
    newest.state,
    newest.t1,
    down.began,
    worked.seconds,
    reason.code
from machine
cross join lateral (
    select state, t0, t1, reason_id
    from state_interval
    where machine_id = machine.id
    order by t0 desc
    limit 1
) newest
left join lateral (
    select t1 as began
    from state_interval
    where machine_id = machine.id and state <> 'down'
    order by t0 desc
    limit 1
) before on true
left join lateral (
    select coalesce(before.began, (select min(t0) from state_interval where machine_id = machine.id)) as began
    where newest.state = 'down'
) down on true
left join lateral (
    select coalesce(
        sum(extract(epoch from least(work.t1, newest.t1) - greatest(work.t0, down.began))), 0
    )::double precision as seconds
    from machine_work work
    where work.machine_id = machine.id and work.t0 < newest.t1 and work.t1 > down.began
        and work.slice_t0 < newest.t1 and work.slice_t0 > down.began - interval '2 days'
) worked on true
left join reason on reason.id = newest.reason_id
where machine.code = any(%(codes)s::text[]) and machine.retired_at is null

-- name: lines
-- Since when each line is in its present shift, that of the calendar most of its machines work by;
-- a line out of shift has no row.
with work as (
    select line.code, works.calendar_id, sum(count(*)) over (partition by line.id)::integer as machines,
           row_number() over (partition by line.id order by count(*) desc, works.calendar_id) as place
    from line
    join machine on machine.line_id = line.id and machine.retired_at is null
    join calendar_at(%(now)s) works on works.machine_id = machine.id
    where line.code = any(%(codes)s::text[]) and line.retired_at is null
    group by line.id, line.code, works.calendar_id
)
select work.code, work.machines, shift.t0
from work
join shift_instance shift
    on shift.calendar_id = work.calendar_id and shift.t0 <= %(now)s and shift.t1 > %(now)s
where work.place = 1

-- name: sources
select source.name, source.stale_after_s, status.last_heard, status.error
from source
left join source_status status on status.source_id = source.id
where source.name = any(%(names)s::text[]) and source.retired_at is null
