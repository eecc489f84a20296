-- What ingest must remember to be idempotent.

-- Of what is in quarantine: the same thing delivered again is the same row. Null: from before.
alter table quarantine add column digest bytea;
create unique index quarantine_by_digest on quarantine (digest);
create index quarantine_by_time on quarantine (at desc, id desc);

-- From where the next poll of a business system asks: what is before it is kept as order events.
create table order_mark (
    source_id   integer primary key references source,
    asked       text not null,           -- the address and what the mark is, as the plant file has it
    mark        jsonb not null           -- a text or a number, as the system gave it
);
