-- Corrections of counts that people enter on a page: entered twice is one, and one can be withdrawn.
-- What people said of stops and could not count: kept, with why.

alter table count_correction
    add column key text unique,                             -- the sender's mark; null: none given
    add column supersedes bigint references count_correction;  -- of a withdrawal: what it undoes
create unique index count_correction_withdrawn on count_correction (supersedes);
create index count_correction_by_time on count_correction (recorded_at desc, id desc);

create table stop_edit_refused (
    id          bigint generated always as identity primary key,
    key         text not null unique,          -- the sender's mark: the same entry twice is one
    machine_id  integer not null references machine,
    stop_t0     timestamptz not null,          -- begin of the stop it was said of
    kind        text not null check (kind in ('assign', 'split', 'merge', 'comment', 'withdraw')),
    said        text not null,                 -- the reason's code, the comment, where to cut …
    actor       text not null,
    at          timestamptz not null,          -- plant time at which it was said
    why         text not null,
    details     jsonb not null default '{}'
);
create index stop_edit_refused_by_machine on stop_edit_refused (machine_id, stop_t0);
