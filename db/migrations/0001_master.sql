-- Master data: the plant file as applied. Rows are retired, never deleted: history points at them.

create type element as enum (
    'not_scheduled', 'planned_stop', 'setup', 'running', 'down', 'idle', 'starved', 'blocked', 'unknown'
);

create table plant_version (
    id          integer generated always as identity primary key,
    applied_at  timestamptz not null,
    sha256      text not null,
    body        text not null            -- the file, whole
);

create table setting (
    key         text primary key,
    value       jsonb not null
);

create table area (
    id          integer generated always as identity primary key,
    code        text not null unique,
    name        jsonb not null,          -- {"en": …, "zh": …}
    position    integer not null,
    retired_at  timestamptz
);

create table calendar (
    id          integer generated always as identity primary key,
    code        text not null unique
);

create table line (
    id          integer generated always as identity primary key,
    code        text not null unique,
    area_id     integer not null references area,
    name        jsonb not null,
    target_oee  double precision not null,
    position    integer not null,
    retired_at  timestamptz
);

create table machine (
    id          integer generated always as identity primary key,
    code        text not null unique,
    line_id     integer not null references line,
    calendar_id integer not null references calendar,
    name        jsonb not null,
    position    integer not null,
    retired_at  timestamptz
);

create table product (
    id          integer generated always as identity primary key,
    code        text not null unique,
    name        jsonb not null,
    retired_at  timestamptz
);

create table ideal_cycle (
    machine_id  integer not null references machine,
    product_id  integer not null references product,
    valid_from  timestamptz not null,    -- '-infinity' for the first version
    seconds     double precision not null check (seconds > 0),
    primary key (machine_id, product_id, valid_from)
);

create table reason (
    id          integer generated always as identity primary key,
    code        text not null unique,
    name        jsonb not null,
    retired_at  timestamptz
);

create table state_map (
    name        text not null,
    raw         text not null,           -- the value as text; '*' is any other value
    state       element not null,
    reason_id   integer references reason,
    primary key (name, raw)
);

create table source (
    id            integer generated always as identity primary key,
    name          text not null unique,
    kind          text not null,
    stale_after_s double precision not null,
    retired_at    timestamptz
);

create table tag (
    id          integer generated always as identity primary key,
    code        text not null unique,    -- machine.name
    machine_id  integer not null references machine,
    source_id   integer not null references source,
    role        text not null check (role in ('state', 'good', 'scrap', 'cycle', 'process')),
    name        text not null,
    label       jsonb not null,
    unit        text not null,
    counter     text not null check (counter in ('total', 'delta')),
    modulus     double precision,
    state_map   text,
    retired_at  timestamptz
);
create index tag_by_machine on tag (machine_id, role);

-- The calendar, computed by plant/calendar.py ahead of time. Slices of one calendar never overlap;
-- a moment without a slice is not scheduled.
create table shift_instance (
    id          bigint generated always as identity primary key,
    calendar_id integer not null references calendar,
    code        text not null,
    name        jsonb not null,
    day         date not null,           -- production day: the local day on which the shift starts
    t0          timestamptz not null,
    t1          timestamptz not null check (t1 > t0),
    unique (calendar_id, t0)
);

create table calendar_slice (
    calendar_id integer not null references calendar,
    t0          timestamptz not null,
    t1          timestamptz not null check (t1 > t0),
    kind        text not null check (kind in ('work', 'break')),
    shift_id    bigint not null references shift_instance on delete cascade,
    primary key (calendar_id, t0)
);
