-- More of what a business system says of an operation: released, its priority, what it was split
-- from, its place in the order's series; and whether it was done before.

alter table operation drop constraint operation_status_check;
alter table operation add constraint operation_status_check
    check (status in ('planned', 'released', 'running', 'held', 'done', 'cancelled'));
alter table operation
    add column priority      integer,
    add column parent        text,
    add column step          integer,
    add column first_done_at timestamptz;    -- of the oldest version that was done; open again: re-opened

update operation set first_done_at = done.at
from (
    select source_id, order_code, operation, min(at) as at
    from order_event
    where body ->> 'status' = 'done'
    group by source_id, order_code, operation
) done
where (operation.source_id, operation.order_code, operation.operation)
    = (done.source_id, done.order_code, done.operation);

create index operation_by_due on operation (due);
create index operation_by_order on operation (order_code);
