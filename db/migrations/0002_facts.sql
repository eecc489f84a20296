-- Facts: what the machines, the business systems and the operators said. Appended, never rewritten.
-- Plain PostgreSQL: partitions by day, made ahead and dropped behind by db/retention.py; the default
-- one takes what comes before its partition is made. TimescaleDB: hypertables.

create table reading (
    ts          timestamptz not null,    -- the source's own time
    tag_id      integer not null,
    value       double precision,        -- null where the source gave none (quality is bad)
    quality     smallint not null        -- 0 good, 1 uncertain, 2 bad
)
-- only: plain
partition by range (ts)
-- only: all
;
-- only: plain
create table reading_default partition of reading default;
-- only: apache community
select create_hypertable('reading', by_range('ts', interval '1 day'), create_default_indexes => false);
-- only: all
create unique index reading_by_tag on reading (tag_id, ts);

create table reading_text (
    ts          timestamptz not null,
    tag_id      integer not null,
    value       text,
    quality     smallint not null
)
-- only: plain
partition by range (ts)
-- only: all
;
-- only: plain
create table reading_text_default partition of reading_text default;
-- only: apache community
select create_hypertable('reading_text', by_range('ts', interval '1 day'), create_default_indexes => false);
-- only: all
create unique index reading_text_by_tag on reading_text (tag_id, ts);

-- The last good reading of each state and count tag before the raw horizon: where derivation starts
-- when the reading itself is dropped.
create table reading_kept (
    tag_id      integer primary key references tag,
    ts          timestamptz not null,
    value       double precision,
    text        text,
    quality     smallint not null
);

-- How each source does; one row each, overwritten. `last_heard`: data or a sign of life, plant time.
create table source_status (
    source_id     integer primary key references source,
    connected     boolean not null,
    since         timestamptz not null,  -- of the present value of `connected`
    last_heard    timestamptz,
    last_reading  timestamptz,           -- newest source time stored
    lag_s         double precision,      -- arrival − source time, smoothed
    rate          double precision,      -- values a second, last 10 s
    bad_share     double precision,      -- share of values of bad or uncertain quality, last minute
    readings      bigint not null default 0,
    error         text                   -- why it is not connected, in words for the user
);

-- A stretch in which a source was not heard and which it could not tell afterwards: unknown time.
create table source_gap (
    source_id   integer not null references source,
    t0          timestamptz not null,
    t1          timestamptz not null check (t1 > t0),
    cause       text not null,
    primary key (source_id, t0)
);

create table quarantine (
    id          bigint generated always as identity primary key,
    at          timestamptz not null,
    source_id   integer references source,
    reason      text not null,           -- machine-readable: bad_json, unmapped, too_old, in_future, …
    detail      text not null,           -- in words
    address     text,
    payload     bytea
);
create index quarantine_by_source on quarantine (source_id, at desc);

create table order_event (
    id          bigint generated always as identity primary key,
    source_id   integer not null references source,
    order_code  text not null,
    operation   text not null,
    revision    text not null,           -- the source's mark of this version, e.g. updated_at
    at          timestamptz not null,    -- source time of this version
    received_at timestamptz not null,
    body        jsonb not null,          -- plant.orders.Operation, as JSON
    unique (source_id, order_code, operation, revision)
);

-- The newest version of each operation: a projection of order_event, kept in the same transaction.
create table operation (
    id            integer generated always as identity primary key,
    source_id     integer not null references source,
    order_code    text not null,
    operation     text not null,
    revision      text not null,
    at            timestamptz not null,
    machine_id    integer references machine,
    product_id    integer references product,
    status        text not null check (status in ('planned', 'running', 'held', 'done', 'cancelled')),
    planned       double precision not null,
    good          double precision not null,   -- as the business system reports
    scrap         double precision not null,
    planned_start timestamptz,
    due           timestamptz,
    started_at    timestamptz,
    ended_at      timestamptz,
    unique (source_id, order_code, operation)
);
create index operation_by_machine on operation (machine_id, started_at);
create index operation_by_end on operation (machine_id, (coalesce(ended_at, 'infinity')));

-- Oldest and newest moment that new facts touched; derivation takes the rows away.
create table derive_dirty (
    id          bigint generated always as identity primary key,
    machine_id  integer not null references machine,
    t0          timestamptz not null,
    t1          timestamptz not null
);
