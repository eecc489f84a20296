-- name: share_lock
select pg_advisory_xact_lock_shared(%(key)s);

-- name: note
-- What is above is live anyway. Run after the lock, so that the watermark is fresh.
insert into rollup_dirty (level, t0, t1, tag_ids)
select w.level, n.t0, least(n.t1 + interval '1 microsecond', w.noted_upto), %(tag_ids)s::integer[]
from rollup_watermark w
join unnest(%(t0)s::timestamptz[], %(t1)s::timestamptz[]) as n (t0, t1) on n.t0 < w.noted_upto
where w.level = %(level)s;

-- name: try_alone
select pg_try_advisory_lock(%(key)s);

-- name: no_longer_alone
select pg_advisory_unlock(%(key)s);

-- name: is_begun
select watermark from rollup_watermark where level = %(level)s and watermark > '-infinity';

-- name: exclusive_lock
select pg_advisory_xact_lock(%(key)s);

-- name: lock_timeout
select set_config('lock_timeout', %(timeout)s, true);

-- name: begin_noting
update rollup_level set noted_upto = greatest(noted_upto, %(upto)s) where level = %(level)s;

-- name: move
update rollup_level set watermark = %(watermark)s where level = %(level)s;

-- name: add_dirty
insert into rollup_dirty (level, t0, t1)
select %(level)s, t0, t1 from unnest(%(t0)s::timestamptz[], %(t1)s::timestamptz[]) as d (t0, t1);

-- name: take_dirty
with taken as (
    delete from rollup_dirty where level = %(level)s and tag_ids is null returning tstzrange(t0, t1) as r
)
select lower(r), upper(r) from (select unnest(range_agg(r)) as r from taken) merged order by 1;

-- name: take_few
-- Some of those that concern few tags.
delete from rollup_dirty where id in (
    select id from rollup_dirty where level = %(level)s and tag_ids is not null order by id limit 20
) returning t0, t1, tag_ids;

-- name: see_dirty
select id, t0, t1 from rollup_dirty where level = %(level)s;

-- name: note_unsettled
-- Policies look three days back. What was written while they were off, or just before the server
-- stood still for long, they would pass over, and move the watermark behind it. So everything is
-- looked at once more before it is three days old, and after what `note` takes for late: with
-- policies at work there is nothing to do then.
with due as (
    select level, source, upto as t0, date_bin('1 hour', now() - interval '50 hours', 'epoch') as t1
    from rollup_settled
), noted as (
    insert into rollup_dirty (level, t0, t1)
    select due.level, greatest(c.range_start, due.t0), least(c.range_end, due.t1)
    from due
    join timescaledb_information.chunks c
        on c.hypertable_schema = current_schema() and c.hypertable_name = due.source
    where due.t0 < due.t1 and c.range_start < due.t1 and c.range_end > due.t0
)
update rollup_settled s set upto = due.t1
from due where s.level = due.level and due.t0 < due.t1;

-- name: drop_dirty
delete from rollup_dirty where id = any (%(ids)s::bigint[]);

-- name: floor
select ts from retention_floor where relation = %(relation)s;

-- name: begins_tag_1m
select min(ts) from reading;

-- name: begins_tag_1h
select min(ts) from tag_1m;

-- name: begins_machine_15m
select min(ts) from machine_1m;

-- name: begins_machine_1h
select min(ts) from machine_15m;

-- name: clear_tag_1m
delete from tag_1m_done where ts >= %(t0)s and ts < %(t1)s
  and (%(tag_ids)s::integer[] is null or tag_id = any (%(tag_ids)s::integer[]));

-- name: fill_tag_1m
-- The last value by ascending time: the index brings them in that order, and nothing is left to sort.
insert into tag_1m_done
select date_bin('1 minute', ts, 'epoch'), tag_id, count(*), sum(value), min(value), max(value),
       (array_agg(value order by ts))[count(*)]
from reading
where ts >= %(t0)s and ts < %(t1)s and quality < 2 and value is not null
  and (%(tag_ids)s::integer[] is null or tag_id = any (%(tag_ids)s::integer[]))
group by 1, 2;

-- name: clear_tag_1h
delete from tag_1h_done where ts >= %(t0)s and ts < %(t1)s
  and (%(tag_ids)s::integer[] is null or tag_id = any (%(tag_ids)s::integer[]));

-- name: fill_tag_1h
insert into tag_1h_done
select date_bin('1 hour', ts, 'epoch'), tag_id, sum(n)::bigint, sum(sum), min(min), max(max),
       (array_agg(last order by ts))[count(*)]
from tag_1m
where ts >= %(t0)s and ts < %(t1)s
  and (%(tag_ids)s::integer[] is null or tag_id = any (%(tag_ids)s::integer[]))
group by 1, 2;

-- name: clear_machine_15m
delete from machine_15m_done where ts >= %(t0)s and ts < %(t1)s;

-- name: fill_machine_15m
insert into machine_15m_done
select date_bin('15 minutes', ts, 'epoch'), machine_id, operation_id, product_id, shift_id,
       sum(not_scheduled_s), sum(planned_stop_s), sum(setup_s), sum(running_s), sum(down_s),
       sum(idle_s), sum(starved_s), sum(blocked_s), sum(unknown_s),
       sum(good), sum(scrap), sum(rework), sum(ideal_s), sum(ideal_good_s),
       sum(start_up_scrap), sum(ideal_start_up_s), sum(minor_s), sum(minor_down_s)
from machine_1m
where ts >= %(t0)s and ts < %(t1)s
group by 1, 2, 3, 4, 5;

-- name: clear_machine_1h
delete from machine_1h_done where ts >= %(t0)s and ts < %(t1)s;

-- name: fill_machine_1h
insert into machine_1h_done
select date_bin('1 hour', ts, 'epoch'), machine_id, operation_id, product_id, shift_id,
       sum(not_scheduled_s), sum(planned_stop_s), sum(setup_s), sum(running_s), sum(down_s),
       sum(idle_s), sum(starved_s), sum(blocked_s), sum(unknown_s),
       sum(good), sum(scrap), sum(rework), sum(ideal_s), sum(ideal_good_s),
       sum(start_up_scrap), sum(ideal_start_up_s), sum(minor_s), sum(minor_down_s)
from machine_15m
where ts >= %(t0)s and ts < %(t1)s
group by 1, 2, 3, 4, 5;

-- name: refresh_tag_1m
call refresh_continuous_aggregate('tag_1m', %(t0)s::timestamptz, %(t1)s::timestamptz);

-- name: refresh_tag_1h
call refresh_continuous_aggregate('tag_1h', %(t0)s::timestamptz, %(t1)s::timestamptz);

-- name: refresh_machine_15m
call refresh_continuous_aggregate('machine_15m', %(t0)s::timestamptz, %(t1)s::timestamptz);

-- name: refresh_machine_1h
call refresh_continuous_aggregate('machine_1h', %(t0)s::timestamptz, %(t1)s::timestamptz);
