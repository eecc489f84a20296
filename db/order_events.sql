-- name: append
insert into order_event (source_id, order_code, operation, revision, at, received_at, body)
values (%(source_id)s, %(order_code)s, %(operation)s, %(revision)s, %(at)s, %(now)s, %(body)s)
on conflict (source_id, order_code, operation, revision) do nothing
returning id

-- name: present
select at, machine_id, product_id, started_at, ended_at from operation
where source_id = %(source_id)s and order_code = %(order_code)s and operation = %(operation)s
for update

-- name: project
-- The newest version wins, whatever the order of arrival.
insert into operation as o (source_id, order_code, operation, revision, at, machine_id, product_id,
                            status, planned, good, scrap, planned_start, due, started_at, ended_at,
                            priority, parent, step)
values (%(source_id)s, %(order_code)s, %(operation)s, %(revision)s, %(at)s, %(machine_id)s,
        %(product_id)s, %(status)s, %(planned)s, %(good)s, %(scrap)s, %(planned_start)s, %(due)s,
        %(started_at)s, %(ended_at)s, %(priority)s, %(parent)s, %(step)s)
on conflict (source_id, order_code, operation) do update set
    revision = excluded.revision, at = excluded.at, machine_id = excluded.machine_id,
    product_id = excluded.product_id, status = excluded.status, planned = excluded.planned,
    good = excluded.good, scrap = excluded.scrap, planned_start = excluded.planned_start,
    due = excluded.due, started_at = excluded.started_at, ended_at = excluded.ended_at,
    priority = excluded.priority, parent = excluded.parent, step = excluded.step
where o.at <= excluded.at

-- name: note_done
-- Whatever the order of arrival: the oldest version that was done.
update operation set first_done_at = least(first_done_at, %(at)s)
where source_id = %(source_id)s and order_code = %(order_code)s and operation = %(operation)s

-- name: notify
select pg_notify('taktboard_live', 'order')

-- name: mark
select mark from order_mark where source_id = %(source_id)s and asked = %(asked)s

-- name: save_mark
insert into order_mark (source_id, asked, mark) values (%(source_id)s, %(asked)s, %(mark)s)
on conflict (source_id) do update set asked = excluded.asked, mark = excluded.mark
