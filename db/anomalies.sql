-- name: models
-- One row a tag: what its detector knows, up to where its machine's states are known, and since when
-- it ran within the time that is learnt from.
select tag.id, tag.code, model.upto, model.state, known.t1, ran.t0
from tag
left join anomaly_model model on model.tag_id = tag.id
left join lateral (
    select t1 from state_interval where machine_id = tag.machine_id order by t0 desc limit 1
) known on true
left join lateral (
    select t0 from state_interval
    where machine_id = tag.machine_id and state = 'running' and t0 >= %(since)s
    order by t0
    limit 1
) ran on true
where tag.code = any(%(codes)s::text[]) and tag.retired_at is null
order by tag.id

-- name: readings
-- Good readings while the machine ran, from a moment after it began to.
select extract(epoch from reading.ts)::double precision, reading.value
from tag
join state_interval run on run.machine_id = tag.machine_id and run.state = 'running'
    and run.t0 < %(until)s and run.t1 > %(after)s
join reading on reading.tag_id = tag.id
    and reading.ts > run.t0 + make_interval(secs => %(settle_s)s) and reading.ts <= run.t1
    and reading.ts > %(after)s and reading.ts <= %(until)s
    and reading.quality = 0 and reading.value is not null
where tag.id = %(tag_id)s
order by reading.ts

-- name: keep
insert into anomaly_model (tag_id, upto, state)
values (%(tag_id)s, %(upto)s, %(state)s)
on conflict (tag_id) do update set upto = excluded.upto, state = excluded.state

-- name: score
insert into anomaly_score (tag_id, ts, value, low, high, score)
select %(tag_id)s, *
from unnest(
    %(ts)s::timestamptz[], %(value)s::double precision[], %(low)s::double precision[],
    %(high)s::double precision[], %(score)s::double precision[]
)
on conflict (tag_id, ts) do update set
    value = excluded.value, low = excluded.low, high = excluded.high, score = excluded.score

-- name: forget
delete from anomaly_score where tag_id = %(tag_id)s and ts < %(before)s

-- name: last
select extract(epoch from ts)::double precision, value, low, high, score
from anomaly_score
where tag_id = %(tag_id)s
order by ts desc
limit 1
