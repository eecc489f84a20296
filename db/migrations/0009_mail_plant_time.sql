-- When a mail was sent, by the plant's clock too: that one can run faster than the wall's, and be set anew.

alter table mail_outbox add column sent_plant_at timestamptz;
