-- Where a machine stood and by what calendar it worked: each version with its end.

create view machine_calendar_span as
select machine_id, calendar_id, valid_from as t0,
       lead(valid_from, 1, 'infinity') over (partition by machine_id order by valid_from) as t1
from machine_calendar
union all
-- One that was never told so works by its present one, for ever.
select id, calendar_id, '-infinity', 'infinity' from machine
where not exists (select from machine_calendar where machine_id = machine.id);

create view machine_line_span as
select machine_id, line_id, valid_from as t0,
       lead(valid_from, 1, 'infinity') over (partition by machine_id order by valid_from) as t1
from machine_line
union all
select id, line_id, '-infinity', 'infinity' from machine
where not exists (select from machine_line where machine_id = machine.id);

create or replace view machine_work as
select a.machine_id, greatest(c.t0, a.t0) as t0, least(c.t1, a.t1) as t1, c.shift_id,
       c.calendar_id, c.t0 as slice_t0, c.t1 as slice_t1
from machine_calendar_span a
join calendar_slice c on c.calendar_id = a.calendar_id and c.t0 < a.t1 and c.t1 > a.t0
where c.kind = 'work';
