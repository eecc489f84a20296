-- Roles without a login for each kind of process, and what they need of the owner's rights. What each
-- may do with each relation stands in db/roles.py and is set anew after every migration.

do $$
declare
    wanted text;
begin
    foreach wanted in array array['taktboard_ingest', 'taktboard_alert', 'taktboard_web',
                                  'taktboard_report', 'taktboard_rollups']
    loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception
                when duplicate_object or unique_violation then null;  -- made for another database just now
                when insufficient_privilege then
                    raise warning 'role % is missing: this user may not make roles', wanted;
            end;
        end if;
    end loop;
end $$;

-- only: plain
-- Partitions belong to the owner; whoever keeps the horizons has them made and dropped by these.
create function partition_make(relation text, t0 timestamptz, t1 timestamptz) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    fresh text := relation || to_char(t0 at time zone 'UTC', '_YYYYMMDD');
begin
    if relation not in ('reading', 'reading_text', 'machine_1m', 'tag_1m_done') then
        raise exception '% has no partitions', relation;
    end if;
    execute format('lock table %I in access exclusive mode', relation || '_default');
    execute format('create table %I (like %I including all)', fresh, relation);
    execute format('with moved as (delete from %I where ts >= %L and ts < %L returning *)
                    insert into %I select * from moved', relation || '_default', t0, t1, fresh);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', relation, fresh, t0, t1);
end $$;

-- Drops the partitions that end before the horizon; their names.
create function partition_drop(relation text, horizon timestamptz) returns setof text
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    old text;
begin
    if relation not in ('reading', 'reading_text', 'machine_1m', 'tag_1m_done') then
        raise exception '% has no partitions', relation;
    end if;
    for old in
        select c.relname::text
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = relation::regclass and c.relname <> relation || '_default'
          and c.relname < relation || to_char(horizon at time zone 'UTC', '_YYYYMMDD')
        order by 1
    loop
        execute format('drop table %I', old);
        return next old;
    end loop;
    execute format('delete from %I where ts < %L', relation || '_default', horizon);
end $$;
-- only: apache
create function partition_drop(relation text, horizon timestamptz) returns setof text
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if relation not in ('reading', 'reading_text', 'machine_1m', 'tag_1m_done') then
        raise exception '% has no chunks', relation;
    end if;
    return query select chunk::text from drop_chunks(relation::regclass, horizon) chunk;
end $$;
-- only: plain apache
revoke execute on function partition_drop from public;
-- only: plain
revoke execute on function partition_make from public;
-- only: all

-- The key that signs sessions is for the web alone.
alter table setting enable row level security;
create policy setting_for_all on setting using (key <> 'web_secret_key');

-- What reports of others may read: published, and kept as it is while the tables change.
create schema report;

create view report.machine as
select m.code as machine, m.name, l.code as line, l.name as line_name, a.code as area, m.retired_at
from machine m join line l on l.id = m.line_id join area a on a.id = l.area_id;

-- Seconds by element and pieces of each hour (UTC), machine, operation and shift: sums, to be added.
create view report.machine_hour as
select h.ts, m.code as machine, p.code as product, o.order_code, o.operation, s.code as shift,
       s.day as production_day, h.not_scheduled_s, h.planned_stop_s, h.setup_s, h.running_s, h.down_s,
       h.idle_s, h.starved_s, h.blocked_s, h.unknown_s, h.good, h.scrap, h.rework, h.ideal_s,
       h.ideal_good_s
from machine_1h h
join machine m on m.id = h.machine_id
left join product p on p.id = h.product_id
left join operation o on o.id = h.operation_id
left join shift_instance s on s.id = h.shift_id;

create view report.stop as
select m.code as machine, s.t0, s.t1, s.element::text as element, r.code as reason, r.name as reason_name,
       s.said_by, s.is_minor, s.comment
from stop s join machine m on m.id = s.machine_id left join reason r on r.id = s.reason_id;

create view report.operation as
select o.order_code, o.operation, m.code as machine, p.code as product, o.status, o.planned, o.good,
       o.scrap, o.planned_start, o.due, o.started_at, o.ended_at
from operation o left join machine m on m.id = o.machine_id left join product p on p.id = o.product_id;

create view report.alarm as
select a.rule, a.subject, a.priority, e.at, e.old, e.new, e.cause, e.actor
from alarm_event e join alarm a on a.id = e.alarm_id;
