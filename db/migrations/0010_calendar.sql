-- The calendar over the years: versions, teams, maintenance; where a machine stood and by what
-- calendar it worked, since when; ideal cycles that end.

-- What is known of the shifts: plant/book.py as JSON. The newest row counts.
create table calendar_book (
    id          integer generated always as identity primary key,
    applied_at  timestamptz not null,
    body        jsonb not null
);

-- By what calendar a machine works; machine.calendar_id is the present one.
create table machine_calendar (
    machine_id  integer not null references machine,
    valid_from  timestamptz not null,    -- '-infinity' for the first
    calendar_id integer not null references calendar,
    primary key (machine_id, valid_from)
);
insert into machine_calendar select id, '-infinity', calendar_id from machine;

-- On which line a machine stands; machine.line_id is the present one.
create table machine_line (
    machine_id  integer not null references machine,
    valid_from  timestamptz not null,
    line_id     integer not null references line,
    primary key (machine_id, valid_from)
);
insert into machine_line select id, '-infinity', line_id from machine;

alter table shift_instance add teams text[] not null default '{}';
-- Shifts move in one statement, past each other.
alter table shift_instance drop constraint shift_instance_calendar_id_t0_key;
alter table shift_instance add constraint shift_instance_by_start
    unique (calendar_id, t0) deferrable initially deferred;

alter table calendar_slice drop constraint calendar_slice_kind_check;
alter table calendar_slice add constraint calendar_slice_kind_check
    check (kind in ('work', 'break', 'maintenance'));
create index calendar_slice_by_shift on calendar_slice (shift_id);

-- Null: from here on no ideal cycle is known.
alter table ideal_cycle alter seconds drop not null;
