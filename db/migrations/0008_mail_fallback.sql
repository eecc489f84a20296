-- A mail that is refused for good goes once to the fallback recipient, who may know the alarm already.

alter table mail_outbox add column fallback_for bigint unique references mail_outbox on delete cascade;
alter table mail_outbox drop constraint mail_outbox_alarm_event_id_recipient_key;
create unique index mail_outbox_once on mail_outbox (alarm_event_id, recipient) where fallback_for is null;
