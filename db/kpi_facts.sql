-- name: eras
-- When machines changed their line, ideal cycles turned (a version holds from a full minute on), or rework
-- began or ceased to be told, within [t0, t1).
select valid_from from machine_line where valid_from > %(t0)s and valid_from < %(t1)s
union
select minute_from(valid_from) from ideal_cycle where valid_from > %(t0)s and valid_from < %(t1)s
union
select at from tag_span cross join lateral (values (t0), (t1)) turn (at)
where role = 'rework' and at > %(t0)s and at < %(t1)s
order by 1

-- name: members
-- The machines that stood on a line or in an area at any time, or the one machine itself.
select m.id from machine m where %(scope)s = 'machine' and m.code = %(code)s
union
select m.id
from machine m
left join machine_line v on v.machine_id = m.id
join line on line.id = coalesce(v.line_id, m.line_id)
join area on area.id = line.area_id
where %(scope)s = 'line' and line.code = %(code)s or %(scope)s = 'area' and area.code = %(code)s

-- name: coded
select id from machine where code = any (%(codes)s)

-- name: parts
-- Facts over stretches: whole hours and quarters where the stretch allows, else minutes. Where all
-- stretches begin and end leaves out chunks; `offset 0` lets each one's own ends reach the index of a view.
-- Summed before anything is looked up for them: rows differ in what `chosen` asks of a moment. What
-- nearly always holds is written as unlike, which the planner takes for just that.
with bucket as (
    select p.*, 0 as failures
    from unnest(%(hour_t0)s::timestamptz[], %(hour_t1)s::timestamptz[]) as w (t0, t1)
    cross join lateral (
        select * from machine_1h
        where ts >= w.t0 and ts < w.t1
          and ts >= %(hour_from)s::timestamptz and ts < %(hour_to)s::timestamptz
          and (%(machines)s::integer[] is null or machine_id = any (%(machines)s))
        offset 0
    ) p
    union all
    select p.*, 0
    from unnest(%(quarter_t0)s::timestamptz[], %(quarter_t1)s::timestamptz[]) as w (t0, t1)
    cross join lateral (
        select * from machine_15m
        where ts >= w.t0 and ts < w.t1
          and ts >= %(quarter_from)s::timestamptz and ts < %(quarter_to)s::timestamptz
          and (%(machines)s::integer[] is null or machine_id = any (%(machines)s))
        offset 0
    ) p
    union all
    select p.*, 0
    from unnest(%(minute_t0)s::timestamptz[], %(minute_t1)s::timestamptz[]) as w (t0, t1)
    cross join lateral (
        select * from machine_1m
        where ts >= w.t0 and ts < w.t1
          and ts >= %(minute_from)s::timestamptz and ts < %(minute_to)s::timestamptz
          and (%(machines)s::integer[] is null or machine_id = any (%(machines)s))
        offset 0
    ) p
    union all
    -- A failure counts in its first minute of lost planned time, once, with that minute's order and shift.
    select p.ts, p.machine_id, p.operation_id, p.product_id, p.shift_id,
           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
    from stop_span i
    cross join lateral (
        select ts, machine_id, operation_id, product_id, shift_id from machine_1m
        where machine_id = i.machine_id and down_s > minor_down_s
          and ts > i.t0 - interval '1 minute' and ts < coalesce(i.t1, %(t1)s)
        order by ts limit 1
    ) p
    where %(failures)s and i.element = 'down' and not i.is_minor
      and i.t0 < %(t1)s and coalesce(i.t1, 'infinity') > %(t0)s
      and i.t0 > %(t0)s::timestamptz - interval '30 days'
      and p.ts >= %(t0)s and p.ts < %(t1)s
      and (%(machines)s::integer[] is null or p.machine_id = any (%(machines)s))
), part as (
    select machine_id, operation_id, product_id, shift_id, min(ts) as ts, max(ts) as last_ts,
        sum(not_scheduled_s) as not_scheduled_s, sum(planned_stop_s) as planned_stop_s,
        sum(setup_s) as setup_s, sum(running_s) as running_s, sum(down_s) as down_s,
        sum(idle_s) as idle_s, sum(starved_s) as starved_s, sum(blocked_s) as blocked_s,
        sum(unknown_s) as unknown_s, sum(good) as good, sum(scrap) as scrap,
        sum(rework) as rework, sum(ideal_s) as ideal_s, sum(ideal_good_s) as ideal_good_s,
        sum(start_up_scrap) as start_up_scrap, sum(ideal_start_up_s) as ideal_start_up_s,
        sum(minor_s) as minor_s, sum(minor_down_s) as minor_down_s,
        sum(good + scrap) filter (where ideal_s = 0) as unrated, sum(failures) as failures
    from bucket
    group by machine_id, operation_id, product_id, shift_id,
        width_bucket(ts, %(eras)s::timestamptz[]), width_bucket(ts, %(moments)s::timestamptz[]),
        case when shift_id = 0 then (ts at time zone %(zone)s)::date end
)

-- name: chosen
-- Parts of a scope, by place and part of the period, once for each kind of `by`. A machine counts for the
-- line on which it stood then. `facts` and `runs` are what is made of it. What else a part belongs to is
-- looked up where it is asked for alone, by a select of its own: there are more operations than parts.
, told as (
    select part.*, m.code as machine, line.code as line, area.code as area,
           coalesce((select code from product where id = part.product_id), '') as product,
           coalesce((select order_code from operation where id = part.operation_id), '') as order_code,
           coalesce((select order_code || '/' || operation.operation from operation
                     where id = part.operation_id), '') as operation,
           coalesce((select code from shift_instance where id = part.shift_id), '') as shift,
           coalesce((select day from shift_instance where id = part.shift_id),
                    (part.ts at time zone %(zone)s)::date) as day
    from part
    join machine m on m.id = part.machine_id
    join machine_line_span place
        on place.machine_id = part.machine_id and part.ts >= place.t0 and part.ts < place.t1
    join line on line.id = place.line_id
    join area on area.id = line.area_id
), chosen as (
    select told.*, asked.kind,
           case asked.kind when 'machine' then machine when 'line' then line when 'area' then area
                when 'product' then product when 'order' then order_code
                when 'operation' then operation else '' end as grouped,
           case when %(by_day)s then width_bucket(day, %(days)s::date[])
                else width_bucket(ts, %(moments)s::timestamptz[]) end as slot,
           case when %(by_shift)s then shift else '' end as of_shift
    from told
    cross join unnest(%(by)s::text[]) as asked (kind)
    where (%(first)s::date is null or day >= %(first)s and day < %(last)s)
      and (%(shift)s::text is null or shift = %(shift)s)
      and case %(scope)s when 'machine' then machine when 'line' then line when 'area' then area
               when 'product' then product when 'order' then order_code
               when 'operation' then operation else %(code)s end = %(code)s
)

-- name: facts
-- Summed by kind, group and part of the period.
select kind, grouped, slot, of_shift,
    sum(not_scheduled_s), sum(planned_stop_s), sum(setup_s), sum(running_s), sum(down_s),
    sum(idle_s), sum(starved_s), sum(blocked_s), sum(unknown_s),
    sum(good), sum(scrap), sum(rework), sum(ideal_s), sum(ideal_good_s),
    sum(start_up_scrap), sum(ideal_start_up_s), sum(minor_s), sum(minor_down_s),
    coalesce(sum(unrated), 0),
    coalesce(sum(not_scheduled_s + planned_stop_s + setup_s + running_s + down_s + idle_s + starved_s
                 + blocked_s + unknown_s) filter (where operation_id <> 0), 0),
    coalesce(sum(good + scrap) filter (where operation_id <> 0), 0),
    coalesce(sum(good + scrap) filter (where tells_rework), 0),
    coalesce(sum(good - rework) filter (where tells_rework), 0),
    sum(failures)::integer
from (
    -- By a counter at the time; or by hand, in the shift.
    select *, machine_id in (select machine_id from tag_span where role = 'rework') and exists (
                  select from tag_span t
                  where t.machine_id = chosen.machine_id and t.role = 'rework' and t.t0 <= ts and t.t1 > ts)
              or machine_id in (select machine_id from count_correction where rework <> 0) and (
                  select sum(c.rework) from shift_instance s
                  join count_correction c on c.machine_id = chosen.machine_id and c.at >= s.t0 and c.at < s.t1
                  where s.id = shift_id) <> 0 as tells_rework
    from chosen
) found
where slot <> 0 and slot <> %(count)s + 1
group by kind, grouped, slot, of_shift
order by slot, of_shift, grouped

-- name: runs
-- Summed by part of the period, machine, order and ideal cycle; in the order of time.
select chosen.slot, chosen.machine, min(chosen.ts), product.name, chosen.order_code, cycle.seconds,
    sum(not_scheduled_s), sum(planned_stop_s), sum(setup_s), sum(running_s), sum(down_s),
    sum(idle_s), sum(starved_s), sum(blocked_s), sum(unknown_s),
    sum(chosen.good), sum(chosen.scrap), sum(rework), sum(ideal_s), sum(ideal_good_s),
    sum(start_up_scrap), sum(ideal_start_up_s), sum(minor_s), sum(minor_down_s),
    coalesce(sum(unrated), 0)
from chosen
left join product on product.id = chosen.product_id
left join operation on operation.id = chosen.operation_id
left join lateral (
    select seconds from ideal_cycle
    where machine_id = chosen.machine_id and product_id = chosen.product_id and valid_from <= chosen.ts
    order by valid_from desc
    limit 1
) cycle on true
where slot <> 0 and slot <> %(count)s + 1
group by chosen.slot, chosen.machine, product.id, chosen.order_code, cycle.seconds
order by chosen.slot, min(chosen.ts), max(chosen.last_ts), min(operation.started_at), chosen.machine

-- name: operations
-- Facts of operations before a moment, each of the machine that does it: quarters of an hour, whose
-- rows tell the operation, and the minutes between the last whole one and the moment.
select operation.id,
    sum(not_scheduled_s), sum(planned_stop_s), sum(setup_s), sum(running_s), sum(down_s),
    sum(idle_s), sum(starved_s), sum(blocked_s), sum(unknown_s),
    sum(part.good), sum(part.scrap), sum(rework), sum(ideal_s), sum(ideal_good_s),
    sum(start_up_scrap), sum(ideal_start_up_s), sum(minor_s), sum(minor_down_s),
    coalesce(sum(part.good + part.scrap) filter (where ideal_s = 0), 0)
from operation
cross join lateral (
    select * from machine_15m
    where machine_id = operation.machine_id and operation_id = operation.id
      and ts > operation.started_at - interval '15 minutes' and ts <= coalesce(operation.ended_at, %(until)s)
      and ts < %(quarter)s
    union all
    select * from machine_1m
    where machine_id = operation.machine_id and operation_id = operation.id
      and ts > operation.started_at - interval '1 minute' and ts <= coalesce(operation.ended_at, %(until)s)
      and ts >= %(quarter)s and ts < %(until)s
) part
where operation.id = any (%(ids)s)
group by operation.id
