-- What people write on the hour-by-hour board: versions, appended and never rewritten. The newest
-- version of an hour counts; a signature is a version, too: it signs the words that it repeats.

create table hour_note (
    id             bigint generated always as identity primary key,
    line_id        integer references line,
    machine_id     integer references machine,
    t0             timestamptz not null,     -- the hour, as the board had it
    t1             timestamptz not null check (t1 > t0),
    remark         text not null,
    countermeasure text not null,
    is_signed      boolean not null,
    actor          text not null,
    at             timestamptz not null,     -- plant time
    based_on       bigint references hour_note,  -- the version its writer had before them
    key            uuid not null unique,     -- the same key again is the same entry sent twice
    check (num_nonnulls(line_id, machine_id) = 1)
);
-- Two versions never follow the same one: of two people who write at once, one is told.
create unique index hour_note_by_base on hour_note (based_on) where based_on is not null;
create unique index hour_note_first on hour_note (line_id, machine_id, t0) nulls not distinct
    where based_on is null;
create index hour_note_by_line on hour_note (line_id, t0) where line_id is not null;
create index hour_note_by_machine on hour_note (machine_id, t0) where machine_id is not null;
