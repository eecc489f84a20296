-- name: load
-- How many days minutes are to live, and since when they do; null where nobody said so yet.
select (select (value ->> 'counts_days')::integer from setting where key = 'horizon'),
       (select max(ts) from retention_floor where relation = 'machine_1m' and isfinite(ts));

-- name: save
insert into setting (key, value) values ('horizon', %(value)s)
on conflict (key) do update set value = excluded.value;
