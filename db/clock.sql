-- name: load
select value from setting where key = 'clock';

-- name: save
insert into setting (key, value) values ('clock', %(value)s)
on conflict (key) do update set value = excluded.value;
