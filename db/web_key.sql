-- name: make
insert into setting (key, value) values ('web_secret_key', to_jsonb(%(key)s::text))
on conflict (key) do nothing

-- name: read
select value #>> '{}' from setting where key = 'web_secret_key'
