-- Corrections of counts that people enter on a page: entered twice is one, and one can be withdrawn.

alter table count_correction
    add column key text unique,                             -- the sender's mark; null: none given
    add column supersedes bigint references count_correction;  -- of a withdrawal: what it undoes
create unique index count_correction_withdrawn on count_correction (supersedes);
create index count_correction_by_time on count_correction (recorded_at desc, id desc);
