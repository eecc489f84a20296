-- A running total that is corrected downwards counts what was taken away, not all of it again; and one
-- whose modulus nobody names rolls over at a well-known width. The same as plant/counts.py has it.

-- A value of a signed counter as the unsigned one of its modulus.
create function unsigned_total(value double precision, modulus double precision) returns double precision
language sql immutable parallel safe as $$ select value + case when value < 0 then modulus else 0 end $$;

-- The pieces between two readings of a counter: negative where a total was set back, or a delta says so.
create or replace function pieces_counted(counter text, modulus double precision, before double precision,
                                          value double precision) returns double precision
language sql immutable parallel safe as $$
select case
    when counter = 'delta' then value
    when counter = 'reading' then 1
    when before is null then 0
    when counter = 'change' then (value <> before)::int
    when counter = 'edge' then (before <= 0 and value > 0)::int
    when modulus is not null then case
        when unsigned_total(value, modulus) >= unsigned_total(before, modulus)
            then unsigned_total(value, modulus) - unsigned_total(before, modulus)
        when unsigned_total(before, modulus) >= 0.9 * modulus and unsigned_total(value, modulus) <= 0.1 * modulus
            then unsigned_total(value, modulus) + modulus - unsigned_total(before, modulus)
        when unsigned_total(before, modulus) - unsigned_total(value, modulus)
             <= 0.1 * abs(unsigned_total(before, modulus))
            then unsigned_total(value, modulus) - unsigned_total(before, modulus)
        else greatest(value, 0) end
    -- From the largest value of a signed counter to its smallest.
    when value < 0 and before >= 0.9 * 2147483648 and before < 2147483648
         and value between -2147483648 and -0.9 * 2147483648
        then value + 4294967296 - before
    when value < 0 and before >= 0.9 * 32768 and before < 32768 and value between -32768 and -0.9 * 32768
        then value + 65536 - before
    -- From the last thousand of an unsigned one to its first.
    when value between 0 and 1000 and before >= 65536 - 1000 and before < 65536
        then value + 65536 - before
    when value between 0 and 1000 and before >= 2147483648 - 1000 and before < 2147483648
        then value + 2147483648 - before
    when value between 0 and 1000 and before >= 4294967296 - 1000 and before < 4294967296
        then value + 4294967296 - before
    when before < -1000 and value >= 0 then value  -- signed, begun again
    when value >= before or before - value <= 0.1 * abs(before) then value - before
    else greatest(value, 0)
end::double precision $$;

-- What is stored was counted otherwise: as far back as readings live, and where the business system counts,
-- since ever.
insert into derive_dirty (machine_id, t0, t1)
select known.machine_id, greatest(known.t0, case when counts.kind = 'tags' then floor.ts end), '9999-12-31'
from (select machine_id, min(t0) as t0 from state_interval group by machine_id) known
join machine m on m.id = known.machine_id
cross join lateral (
    select coalesce(m.counts, case when exists (
        select from tag where machine_id = m.id and role in ('good', 'scrap', 'cycle', 'rework', 'start_up_scrap')
    ) then 'tags' else 'mes' end) as kind
) counts
left join retention_floor floor on floor.relation = 'reading';
