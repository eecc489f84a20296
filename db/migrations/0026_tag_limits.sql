-- Specification limits of process tags, as the plant file says them.

create table tag_limit (
    tag_id      integer not null references tag,
    product_id  integer not null,        -- 0: of every product that has none of its own
    lower       double precision,        -- null: open on this side
    upper       double precision check (upper > lower),
    primary key (tag_id, product_id),
    check (lower is not null or upper is not null)
);
