-- What rollups ask for are all tags of some minutes. The index by tag leads there from PostgreSQL 18 on
-- alone, which skips from tag to tag; older ones read the whole day. Readings come in order of time, so
-- that the first and last moment of each stretch of pages are enough, and take next to no room.
create index reading_by_time on reading using brin (ts) with (autosummarize);

-- only: plain
-- A day of readings has its columns in the order that leaves no gaps: eight bytes a row less than in the
-- table's own, which can't be changed any more.
create or replace function partition_make(relation text, t0 timestamptz, t1 timestamptz) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    fresh text := relation || to_char(t0 at time zone 'UTC', '_YYYYMMDD');
    columns text := (select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
                     where attrelid = relation::regclass and attnum > 0 and not attisdropped);
begin
    if relation not in ('reading', 'reading_text', 'machine_1m', 'tag_1m_done') then
        raise exception '% has no partitions', relation;
    end if;
    execute format('lock table %I in access exclusive mode', relation || '_default');
    if relation = 'reading' then
        execute format('create table %I (ts timestamptz not null, value double precision,
                                         tag_id integer not null, quality smallint not null)', fresh);
    else
        execute format('create table %I (like %I including all)', fresh, relation);
    end if;
    execute format('with moved as (delete from %I where ts >= %L and ts < %L returning %s)
                    insert into %I (%s) select * from moved',
                   relation || '_default', t0, t1, columns, fresh, columns);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', relation, fresh, t0, t1);
end $$;
-- only: all
