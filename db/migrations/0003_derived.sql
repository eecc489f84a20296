-- Derived: a pure function of facts, calendar and master data. `rebuild` gives the same rows again.

create table state_interval (
    machine_id  integer not null references machine,
    t0          timestamptz not null,
    t1          timestamptz not null check (t1 > t0),  -- of an open one: up to where it is derived
    state       element not null,        -- what the machine said; the calendar is not applied
    reason_id   integer references reason,
    is_open     boolean not null default false,
    primary key (machine_id, t0)
);

-- One row a minute, machine and operation; the elements' seconds of a minute sum up to 60.
create table machine_1m (
    ts              timestamptz not null,
    machine_id      integer not null,
    operation_id    integer not null,    -- 0: none
    product_id      integer not null,    -- 0: none
    shift_id        bigint not null,     -- 0: outside every shift
    not_scheduled_s double precision not null,
    planned_stop_s  double precision not null,
    setup_s         double precision not null,
    running_s       double precision not null,
    down_s          double precision not null,
    idle_s          double precision not null,
    starved_s       double precision not null,
    blocked_s       double precision not null,
    unknown_s       double precision not null,
    good            double precision not null,
    scrap           double precision not null,
    rework          double precision not null,
    ideal_s         double precision not null,  -- ideal cycle × (good + scrap)
    ideal_good_s    double precision not null   -- ideal cycle × good
)
-- only: plain
partition by range (ts)
-- only: all
;
-- only: plain
create table machine_1m_default partition of machine_1m default;
-- only: apache community
select create_hypertable('machine_1m', by_range('ts', interval '30 days'), create_default_indexes => false);
-- only: all
create unique index machine_1m_by_machine on machine_1m (machine_id, ts, operation_id, shift_id);
create index machine_1m_by_time on machine_1m (ts);

-- Rollups tag_1m, tag_1h, machine_15m, machine_1h: see 0004 for each kind of server.
-- tag_*     (ts, tag_id, n bigint, sum, min, max, last double precision)   good and uncertain values
-- machine_* (the columns of machine_1m, summed)
