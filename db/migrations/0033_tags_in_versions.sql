-- What a tag means, in versions: another role, counter, modulus, state map or source holds from the
-- first full minute after it is applied, and the past keeps what it was read by.

alter table tag
    -- Since when the tag means what it does: whole minutes, so that a minute is read in one way.
    add column since timestamptz not null default '-infinity',
    -- Since when its values follow one another: the first since then has none before it.
    add column begun timestamptz not null default '-infinity';

-- What tags meant before, and when tags that came back were there.
create table tag_past (
    tag_id      integer not null references tag,
    machine_id  integer not null references machine,
    source_id   integer not null references source,
    role        text not null,
    counter     text not null,
    modulus     double precision,
    state_map   text,
    t0          timestamptz not null,
    t1          timestamptz not null check (t1 >= t0),
    begun       timestamptz not null,
    primary key (tag_id, t0)
);
create index tag_past_by_machine on tag_past (machine_id, role);

-- The first full minute at a moment or after it.
create function minute_from(at timestamptz) returns timestamptz
language sql immutable parallel safe as $$
select case when isfinite(at) then date_bin('1 minute', at + interval '59.999999 s', 'epoch') else at end
$$;

-- All that tags meant, each over [t0, t1).
create view tag_span as
select id as tag_id, machine_id, source_id, role, counter, modulus, state_map, since as t0,
       greatest(since, minute_from(coalesce(retired_at, 'infinity'))) as t1, begun
from tag
union all
select tag_id, machine_id, source_id, role, counter, modulus, state_map, t0, t1, begun from tag_past;
