-- Counts in full: rework and start-up scrap, pulses, corrections, what a business system reports;
-- minor stops as facts that add up.

alter table tag drop constraint tag_role_check;
alter table tag add constraint tag_role_check check (role in (
    'state', 'good', 'scrap', 'cycle', 'rework', 'start_up_scrap', 'process'));
alter table tag drop constraint tag_counter_check;
-- total: a running total; delta: pieces since the last message; a piece each: change (of the value),
-- reading, edge (from zero or below to above)
alter table tag add constraint tag_counter_check check (counter in (
    'total', 'delta', 'change', 'reading', 'edge'));

alter table machine
    -- Where its pieces are counted; null: by tags where it has any, else by the business system.
    add column counts text check (counts in ('tags', 'mes')),
    -- A stop that lasted less is a minor one.
    add column micro_stop_s double precision not null default 300;

-- Facts: pieces that were counted wrongly, put right. Appended, never rewritten.
create table count_correction (
    id          bigint generated always as identity primary key,
    machine_id  integer not null references machine,
    at          timestamptz not null,
    good        double precision not null default 0,
    scrap       double precision not null default 0,
    rework      double precision not null default 0,
    reason      text not null check (reason <> ''),
    actor       text not null,
    recorded_at timestamptz not null
);
create index count_correction_by_machine on count_correction (machine_id, at);

-- Corrections that are not yet derived: where the readings are gone, each is added to the stored
-- counts once.
create table count_correction_due (
    id          bigint primary key references count_correction
);

create index order_event_by_machine on order_event ((body ->> 'machine'), at);

-- The pieces between two readings of a counter; never negative but where a delta says so.
create function pieces_counted(counter text, modulus double precision, before double precision,
                               value double precision) returns double precision
language sql immutable parallel safe as $$
select case
    when counter = 'delta' then value
    when counter = 'reading' then 1
    when before is null then 0
    when counter = 'change' then (value <> before)::int
    when counter = 'edge' then (before <= 0 and value > 0)::int
    when modulus is not null and value >= 0 and before >= 0 then case
        when value >= before then value - before
        when before >= 0.9 * modulus and value <= 0.1 * modulus then value + modulus - before
        else value end
    -- A signed counter goes from its largest value to its smallest: -1 is its last before zero.
    when modulus is not null then case
        when value + (value < 0)::int * modulus >= before + (before < 0)::int * modulus
            then value + (value < 0)::int * modulus - before - (before < 0)::int * modulus
        when before >= -0.1 * modulus and before < 0 and value between 0 and 0.1 * modulus then value - before
        else greatest(value, 0) end
    when value < 0 and before >= 0.9 * 2147483648 and before < 2147483648 and value <= -0.9 * 2147483648
        then value + 4294967296 - before
    when value < 0 and before between 0.9 * 32768 and 32767 and value between -32768 and -0.9 * 32768
        then value + 65536 - before
    when before < -429496729 and value >= 0 then value  -- signed, begun again
    when value >= before then value - before
    else greatest(value, 0)
end::double precision $$;

alter table machine_1m
    add column start_up_scrap double precision not null default 0,   -- the part of scrap made at start-up
    add column ideal_start_up_s double precision not null default 0, -- ideal cycle × that
    add column minor_s double precision not null default 0,          -- of stops that lasted less than micro_stop_s
    add column minor_down_s double precision not null default 0;     -- the part of it that is down

-- only: plain apache
alter table machine_15m_done
    add column start_up_scrap double precision not null default 0,
    add column ideal_start_up_s double precision not null default 0,
    add column minor_s double precision not null default 0,
    add column minor_down_s double precision not null default 0;
alter table machine_1h_done
    add column start_up_scrap double precision not null default 0,
    add column ideal_start_up_s double precision not null default 0,
    add column minor_s double precision not null default 0,
    add column minor_down_s double precision not null default 0;

create or replace view machine_15m as
select * from machine_15m_done
where ts < (select watermark from rollup_level where level = 'machine_15m')
union all
select date_bin('15 minutes', ts, 'epoch'), machine_id, operation_id, product_id, shift_id,
       sum(not_scheduled_s), sum(planned_stop_s), sum(setup_s), sum(running_s), sum(down_s),
       sum(idle_s), sum(starved_s), sum(blocked_s), sum(unknown_s),
       sum(good), sum(scrap), sum(rework), sum(ideal_s), sum(ideal_good_s),
       sum(start_up_scrap), sum(ideal_start_up_s), sum(minor_s), sum(minor_down_s)
from machine_1m
where ts >= (select watermark from rollup_level where level = 'machine_15m')
group by 1, 2, 3, 4, 5;

create or replace view machine_1h as
select * from machine_1h_done
where ts < (select watermark from rollup_level where level = 'machine_1h')
union all
select date_bin('1 hour', ts, 'epoch'), machine_id, operation_id, product_id, shift_id,
       sum(not_scheduled_s), sum(planned_stop_s), sum(setup_s), sum(running_s), sum(down_s),
       sum(idle_s), sum(starved_s), sum(blocked_s), sum(unknown_s),
       sum(good), sum(scrap), sum(rework), sum(ideal_s), sum(ideal_good_s),
       sum(start_up_scrap), sum(ideal_start_up_s), sum(minor_s), sum(minor_down_s)
from machine_15m
where ts >= (select watermark from rollup_level where level = 'machine_1h')
group by 1, 2, 3, 4, 5;

-- only: community
-- A continuous aggregate takes no new columns: made anew, and filled again from the minutes, which
-- the refresher finds in rollup_dirty.
drop materialized view machine_1h;
drop materialized view machine_15m;

create materialized view machine_15m
with (timescaledb.continuous, timescaledb.materialized_only = false) as
select time_bucket('15 minutes', ts) as ts, machine_id, operation_id, product_id, shift_id,
       sum(not_scheduled_s) as not_scheduled_s, sum(planned_stop_s) as planned_stop_s,
       sum(setup_s) as setup_s, sum(running_s) as running_s, sum(down_s) as down_s,
       sum(idle_s) as idle_s, sum(starved_s) as starved_s, sum(blocked_s) as blocked_s,
       sum(unknown_s) as unknown_s, sum(good) as good, sum(scrap) as scrap, sum(rework) as rework,
       sum(ideal_s) as ideal_s, sum(ideal_good_s) as ideal_good_s,
       sum(start_up_scrap) as start_up_scrap, sum(ideal_start_up_s) as ideal_start_up_s,
       sum(minor_s) as minor_s, sum(minor_down_s) as minor_down_s
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
       sum(ideal_s) as ideal_s, sum(ideal_good_s) as ideal_good_s,
       sum(start_up_scrap) as start_up_scrap, sum(ideal_start_up_s) as ideal_start_up_s,
       sum(minor_s) as minor_s, sum(minor_down_s) as minor_down_s
from machine_15m
group by 1, 2, 3, 4, 5
with no data;

select add_continuous_aggregate_policy('machine_15m', start_offset => interval '3 days',
    end_offset => interval '15 minutes', schedule_interval => interval '5 minutes');
select add_continuous_aggregate_policy('machine_1h', start_offset => interval '7 days',
    end_offset => interval '1 hour', schedule_interval => interval '10 minutes');

insert into rollup_dirty (level, t0, t1)
select 'machine_15m', min(ts), max(ts) + interval '1 minute' from machine_1m having min(ts) is not null;
-- only: all
