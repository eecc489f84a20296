-- name: server
select exists (select from pg_extension where extname = 'timescaledb'),
       current_setting('timescaledb.license', true);
