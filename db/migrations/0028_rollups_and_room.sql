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

-- Up to where writers note what they change: ahead of the watermark while rows for it are computed, so that
-- no minute is computed twice. And of which tags alone, where it is few: one late reading costs its own tag.
alter table rollup_dirty add column tag_ids integer[];  -- null: any
-- only: plain apache
alter table rollup_level add column noted_upto timestamptz not null default '-infinity';
create or replace view rollup_watermark as
select level, watermark, greatest(watermark, noted_upto) as noted_upto from rollup_level;
-- only: community
-- A policy moves the watermark on to its own end without looking further back than three days: what is
-- about as old must not wait for it.
create or replace view rollup_watermark as
select level, watermark, greatest(watermark, now() - interval '2 days') as noted_upto
from (
    select c.user_view_name::text as level,
           case when w.at < '0001-01-01' then '-infinity' else w.at end as watermark
    from _timescaledb_catalog.continuous_agg c
    cross join lateral (
        select _timescaledb_functions.to_timestamp(
            _timescaledb_functions.cagg_watermark(c.mat_hypertable_id)) as at
    ) w
    where c.user_view_schema = current_schema()
) level_watermark;
-- only: all
