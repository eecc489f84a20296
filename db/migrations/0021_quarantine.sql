-- What is in quarantine can be tried again: once the plant file, a clock or the code was mended.

-- What the payload is, so far as it can be taken again by itself: 'reading', 'sample', 'message' or
-- 'order'. Null: it can't (a note, something cut off, or kept before this was known).
alter table quarantine add column form text;

-- Somebody wants it tried again; the ingest worker does it and takes the wish away.
alter table quarantine add column retry_at timestamptz;
create index quarantine_by_retry on quarantine (id) where retry_at is not null;
