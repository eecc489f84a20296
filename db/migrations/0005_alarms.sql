-- Alarms: one row an alarm (rule × subject), one row a transition, one row a mail to send.

create table alarm (
    id          integer generated always as identity primary key,
    rule        text not null,           -- code of the rule in the plant file
    kind        text not null,
    subject     text not null,           -- 'machine:A01', 'line:A', 'order:WO-4100/10', 'source:opcua', 'tag:A01.vibration'
    priority    text not null check (priority in ('critical', 'warning', 'info')),
    state       text not null check (state in ('normal', 'unacknowledged', 'acknowledged', 'returned')),
    since       timestamptz not null,    -- of the present state
    raised_at   timestamptz,             -- of the present or last occurrence
    pending_at  timestamptz,             -- the condition has held since then, within the on-delay
    clearing_at timestamptz,             -- … has been gone since then, within the off-delay
    value       double precision,        -- of the condition, now
    limit_value double precision,
    params      jsonb not null default '{}',  -- what the text of the alarm needs
    note        text,
    unique (rule, subject)
);
create index alarm_active on alarm (state) where state <> 'normal';

create table alarm_event (
    id          bigint generated always as identity primary key,
    alarm_id    integer not null references alarm,
    at          timestamptz not null,
    old         text not null,
    new         text not null,
    cause       text not null,           -- raised, acknowledged, returned, cleared
    actor       text,                    -- who acknowledged
    value       double precision,
    params      jsonb not null default '{}',
    processed   boolean not null default false  -- the mails for it are in the outbox
);
create index alarm_event_unprocessed on alarm_event (id) where not processed;
create index alarm_event_by_time on alarm_event (at desc);

create table mail_outbox (
    id           bigint generated always as identity primary key,
    alarm_event_id bigint not null references alarm_event,
    recipient    text not null,          -- code in the plant file
    address      text not null,
    language     text not null,
    message_id   text not null unique,   -- stable over retries
    created_at   timestamptz not null,
    attempts     integer not null default 0,
    next_attempt timestamptz not null,
    sent_at      timestamptz,            -- set after the server accepted it
    failed_at    timestamptz,            -- given up: refused for good
    error        text,
    unique (alarm_event_id, recipient)
);
create index mail_outbox_due on mail_outbox (next_attempt) where sent_at is null and failed_at is null;

-- What a mail tells of: one transition, or in a flood every one of a window, grouped into a digest.
create table mail_outbox_event (
    mail_id        bigint not null references mail_outbox on delete cascade,
    alarm_event_id bigint not null references alarm_event,
    primary key (mail_id, alarm_event_id)
);

create table anomaly_model (
    tag_id      integer primary key references tag,
    upto        timestamptz not null,    -- readings up to here are learnt
    state       bytea not null
);

create table anomaly_score (
    tag_id      integer not null references tag,
    ts          timestamptz not null,
    value       double precision not null,
    low         double precision not null,   -- the normal band at that time
    high        double precision not null,
    score       double precision not null,   -- likelihood of an anomaly, 0 to 1
    primary key (tag_id, ts)
);
