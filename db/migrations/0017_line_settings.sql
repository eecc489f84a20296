-- How a line works, in versions: the order of its machines, what feeds them, buffers, its constraint.

create table line_setting (
    line_id     integer not null references line,
    valid_from  timestamptz not null,    -- '-infinity' for the first
    body        jsonb not null,          -- plant/line_settings.py as JSON
    primary key (line_id, valid_from)
);
