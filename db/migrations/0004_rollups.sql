-- Rollups: tag_1m, tag_1h, machine_15m, machine_1h have the same names, columns and types on every
-- server. TimescaleDB Community: hierarchical real-time continuous aggregates. Elsewhere a small
-- engine (db/rollups.py): materialized rows below a watermark united with live rows above it.

-- Ranges in which rows below the watermark changed; the refresher takes the rows away.
create table rollup_dirty (
    id          bigint generated always as identity primary key,
    level       text not null,
    t0          timestamptz not null,
    t1          timestamptz not null check (t1 > t0)
);
create index rollup_dirty_by_level on rollup_dirty (level);

-- Where the rows of a relation begin: what is older was dropped (db/retention.py).
create table retention_floor (
    relation    text primary key,
    ts          timestamptz not null
);

-- Up to where a machine is derived, and since when its source is taken as silent.
create table derive_tail (
    machine_id  integer primary key references machine,
    upto        timestamptz not null,
    stale_from  timestamptz
) with (fillfactor = 50);

create index source_gap_by_end on source_gap (source_id, t1);

-- only: plain apache
create table rollup_level (
    level       text primary key,
    watermark   timestamptz not null
);
insert into rollup_level values
    ('tag_1m', '-infinity'), ('tag_1h', '-infinity'),
    ('machine_15m', '-infinity'), ('machine_1h', '-infinity');

create view rollup_watermark as select level, watermark from rollup_level;

create table tag_1m_done (
    ts      timestamptz not null,
    tag_id  integer not null,
    n       bigint not null,
    sum     double precision,
    min     double precision,
    max     double precision,
    last    double precision
)
-- only: plain
partition by range (ts)
-- only: plain apache
;
-- only: plain
create table tag_1m_done_default partition of tag_1m_done default;
-- only: apache
select create_hypertable('tag_1m_done', by_range('ts', interval '30 days'), create_default_indexes => false);
-- only: plain apache
create unique index tag_1m_done_by_tag on tag_1m_done (tag_id, ts);
create index tag_1m_done_by_time on tag_1m_done (ts);

create table tag_1h_done (like tag_1m_done);
create unique index tag_1h_done_by_tag on tag_1h_done (tag_id, ts);
create index tag_1h_done_by_time on tag_1h_done (ts);

create table machine_15m_done (like machine_1m);
create unique index machine_15m_done_by_machine on machine_15m_done (machine_id, ts, operation_id, shift_id);
create index machine_15m_done_by_time on machine_15m_done (ts);

create table machine_1h_done (like machine_1m);
create unique index machine_1h_done_by_machine on machine_1h_done (machine_id, ts, operation_id, shift_id);
create index machine_1h_done_by_time on machine_1h_done (ts);

create view tag_1m as
select ts, tag_id, n, sum, min, max, last from tag_1m_done
where ts < (select watermark from rollup_level where level = 'tag_1m')
union all
select date_bin('1 minute', ts, 'epoch'), tag_id, count(*), sum(value), min(value), max(value),
       (array_agg(value order by ts desc))[1]
from reading
where ts >= (select watermark from rollup_level where level = 'tag_1m')
  and quality < 2 and value is not null
group by 1, 2;

create view tag_1h as
select ts, tag_id, n, sum, min, max, last from tag_1h_done
where ts < (select watermark from rollup_level where level = 'tag_1h')
union all
select date_bin('1 hour', ts, 'epoch'), tag_id, sum(n)::bigint, sum(sum), min(min), max(max),
       (array_agg(last order by ts desc))[1]
from tag_1m
where ts >= (select watermark from rollup_level where level = 'tag_1h')
group by 1, 2;

create view machine_15m as
select * from machine_15m_done
where ts < (select watermark from rollup_level where level = 'machine_15m')
union all
select date_bin('15 minutes', ts, 'epoch'), machine_id, operation_id, product_id, shift_id,
       sum(not_scheduled_s), sum(planned_stop_s), sum(setup_s), sum(running_s), sum(down_s),
       sum(idle_s), sum(starved_s), sum(blocked_s), sum(unknown_s),
       sum(good), sum(scrap), sum(rework), sum(ideal_s), sum(ideal_good_s)
from machine_1m
where ts >= (select watermark from rollup_level where level = 'machine_15m')
group by 1, 2, 3, 4, 5;

create view machine_1h as
select * from machine_1h_done
where ts < (select watermark from rollup_level where level = 'machine_1h')
union all
select date_bin('1 hour', ts, 'epoch'), machine_id, operation_id, product_id, shift_id,
       sum(not_scheduled_s), sum(planned_stop_s), sum(setup_s), sum(running_s), sum(down_s),
       sum(idle_s), sum(starved_s), sum(blocked_s), sum(unknown_s),
       sum(good), sum(scrap), sum(rework), sum(ideal_s), sum(ideal_good_s)
from machine_15m
where ts >= (select watermark from rollup_level where level = 'machine_1h')
group by 1, 2, 3, 4, 5;

-- only: community
create materialized view tag_1m
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select time_bucket('1 minute', ts) as ts, tag_id, count(*) as n, sum(value) as sum,
       min(value) as min, max(value) as max, last(value, ts) as last
from reading
where quality < 2 and value is not null
group by 1, 2
with no data;

create materialized view tag_1h
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select time_bucket('1 hour', ts) as ts, tag_id, sum(n)::bigint as n, sum(sum) as sum,
       min(min) as min, max(max) as max, last(last, ts) as last
from tag_1m
group by 1, 2
with no data;

create materialized view machine_15m
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select time_bucket('15 minutes', ts) as ts, machine_id, operation_id, product_id, shift_id,
       sum(not_scheduled_s) as not_scheduled_s, sum(planned_stop_s) as planned_stop_s,
       sum(setup_s) as setup_s, sum(running_s) as running_s, sum(down_s) as down_s,
       sum(idle_s) as idle_s, sum(starved_s) as starved_s, sum(blocked_s) as blocked_s,
       sum(unknown_s) as unknown_s, sum(good) as good, sum(scrap) as scrap, sum(rework) as rework,
       sum(ideal_s) as ideal_s, sum(ideal_good_s) as ideal_good_s
from machine_1m
group by 1, 2, 3, 4, 5
with no data;

create materialized view machine_1h
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select time_bucket('1 hour', ts) as ts, machine_id, operation_id, product_id, shift_id,
       sum(not_scheduled_s) as not_scheduled_s, sum(planned_stop_s) as planned_stop_s,
       sum(setup_s) as setup_s, sum(running_s) as running_s, sum(down_s) as down_s,
       sum(idle_s) as idle_s, sum(starved_s) as starved_s, sum(blocked_s) as blocked_s,
       sum(unknown_s) as unknown_s, sum(good) as good, sum(scrap) as scrap, sum(rework) as rework,
       sum(ideal_s) as ideal_s, sum(ideal_good_s) as ideal_good_s
from machine_15m
group by 1, 2, 3, 4, 5
with no data;

-- The watermarks TimescaleDB keeps, under the name the engine uses.
create view rollup_watermark as
select c.user_view_name::text as level,
       case when w.at < '0001-01-01' then '-infinity' else w.at end as watermark
from _timescaledb_catalog.continuous_agg c
cross join lateral (
    select _timescaledb_functions.to_timestamp(
        _timescaledb_functions.cagg_watermark(c.mat_hypertable_id)) as at
) w
where c.user_view_schema = current_schema();

-- Refresh windows are far shorter than the raw data's life: a refresh over dropped rows would empty
-- the aggregate. What is later than a window is refreshed explicitly (db/rollups.py).
select add_continuous_aggregate_policy('tag_1m', start_offset => interval '3 days',
    end_offset => interval '2 minutes', schedule_interval => interval '1 minute');
select add_continuous_aggregate_policy('tag_1h', start_offset => interval '7 days',
    end_offset => interval '1 hour', schedule_interval => interval '10 minutes');
select add_continuous_aggregate_policy('machine_15m', start_offset => interval '3 days',
    end_offset => interval '15 minutes', schedule_interval => interval '5 minutes');
select add_continuous_aggregate_policy('machine_1h', start_offset => interval '7 days',
    end_offset => interval '1 hour', schedule_interval => interval '10 minutes');

alter table reading set (timescaledb.enable_columnstore,
    timescaledb.segmentby = 'tag_id', timescaledb.orderby = 'ts');
alter table reading_text set (timescaledb.enable_columnstore,
    timescaledb.segmentby = 'tag_id', timescaledb.orderby = 'ts');
alter table machine_1m set (timescaledb.enable_columnstore,
    timescaledb.segmentby = 'machine_id', timescaledb.orderby = 'ts');
alter materialized view tag_1m set (timescaledb.enable_columnstore);
call add_columnstore_policy('reading', after => interval '4 days');
call add_columnstore_policy('reading_text', after => interval '4 days');
-- Not before derivation has done with them: it may write minutes as far back as raw readings go.
call add_columnstore_policy('machine_1m', after => interval '100 days');
call add_columnstore_policy('tag_1m', after => interval '30 days');

select add_retention_policy('reading', drop_after => interval '90 days');
select add_retention_policy('reading_text', drop_after => interval '90 days');
select add_retention_policy('machine_1m', drop_after => interval '730 days');
select add_retention_policy('tag_1m', drop_after => interval '730 days');
-- only: all

-- What each machine does now, as far as it is derived: for boards, alerts and status queries.
create view machine_now as
select m.id as machine_id, m.line_id, i.state, i.reason_id, i.t0 as since, t.upto, t.stale_from
from machine m
left join derive_tail t on t.machine_id = m.id
left join lateral (
    select state, reason_id, t0 from state_interval
    where machine_id = m.id order by t0 desc limit 1
) i on true
where m.retired_at is null;
