-- A row or more for every table, by the columns it was made with: so the same words fill the database
-- of an old version and of this one. Ids start at one; :t is 2026-03-02 06:00 UTC.

-- name: plant_version
insert into plant_version (applied_at, sha256, body) values (:t, 'x', '[site]');

-- name: setting
insert into setting values ('stored', '{"a": [1, "é"]}');

-- name: area
insert into area (code, name, position) values ('S', '{"en": "Hall", "zh": "车间"}', 1);

-- name: calendar
insert into calendar (code) values ('three');

-- name: line
insert into line (code, area_id, name, target_oee, position) values ('L', 1, '{}', 0.7, 1);

-- name: machine
insert into machine (code, line_id, calendar_id, name, position) values ('M0', 1, 1, '{}', 1), ('M1', 1, 1, '{}', 2);

-- name: product
insert into product (code, name) values ('P', '{}');

-- name: ideal_cycle
insert into ideal_cycle values (1, 1, '-infinity', 1.5);

-- name: reason
insert into reason (code, name) values ('jam', '{}'), ('tool', '{}');

-- name: state_map
insert into state_map values ('m', '1', 'running', null), ('m', '2', 'down', 1);

-- name: source
insert into source (name, kind, stale_after_s) values ('s', 'opcua', 5);

-- name: tag
insert into tag (code, machine_id, source_id, role, name, label, unit, counter, state_map) select m.code || '.' || r, m.id, 1, r, r, '{}', '', 'total', 'm' from machine m, unnest(array['state', 'good', 'process']) r order by m.id, r;

-- name: tag_past
insert into tag_past select id, machine_id, source_id, role, 'delta', null, state_map, '-infinity', :t - interval '9 days', '-infinity' from tag where code = 'M0.good';

-- name: tag_limit
insert into tag_limit select id, 0, null, 5 from tag where role = 'process' union all select id, 1, 1, 4 from tag where code = 'M0.process';

-- name: shift_instance
insert into shift_instance (calendar_id, code, name, day, t0, t1) values (1, 'early', '{}', '2026-03-02', :t, :t + interval '8 hours');

-- name: calendar_slice
insert into calendar_slice values (1, :t, :t + interval '2 hours', 'work', 1), (1, :t + interval '2 hours', :t + interval '150 minutes', 'break', 1);

-- name: reading
insert into reading select :t + n * interval '20 seconds', tag, n * 0.1, 0 from generate_series(0, :minutes * 3 - 1) n, generate_series(1, 6) tag;

-- name: reading_text
insert into reading_text values (:t, 3, '停机 \t x', 0), (:t, 6, null, 2);

-- name: reading_kept
insert into reading_kept values (2, :t - interval '1 day', 7, null, 0);

-- name: source_status
insert into source_status (source_id, connected, since, last_heard) values (1, true, :t, :t + interval '3 hours');

-- name: source_gap
insert into source_gap values (1, :t, :t + interval '5 seconds', 'cable');

-- name: quarantine
insert into quarantine (at, source_id, reason, detail, payload) values (:t, 1, 'bad_json', 'no JSON', '\x00ff');

-- name: order_event
insert into order_event (source_id, order_code, operation, revision, at, received_at, body) values (1, 'WO', '10', 'r', :t, :t, '{"machine": "M0"}');

-- name: operation
insert into operation (source_id, order_code, operation, revision, at, machine_id, product_id, status, planned, good, scrap, started_at) values (1, 'WO', '10', 'r', :t, 1, 1, 'running', 100, 0, 0, :t);

-- name: derive_dirty
insert into derive_dirty (machine_id, t0, t1) values (2, :t, :t);

-- name: state_interval
insert into state_interval values (1, :t, :t + interval '1 hour', 'running', null, false), (1, :t + interval '1 hour', :t + interval '3 hours', 'down', 1, true);

-- name: machine_1m
insert into machine_1m select :t + n * interval '1 minute', machine, 1, 1, 1, 0, 0, 0, 60 - machine / 3.0, machine / 3.0, 0, 0, 0, 0, n, 1, 0, 1.5 * n + 1.5, 1.5 * n from generate_series(0, :minutes - 1) n, generate_series(1, 2) machine;

-- name: rollup_dirty
insert into rollup_dirty (level, t0, t1) values ('tag_1m', :t, :t + interval '1 hour');

-- name: retention_floor
insert into retention_floor values ('reading', :t - interval '7 days');

-- name: derive_tail
insert into derive_tail values (1, :t + interval '3 hours', null);

-- name: alarm
insert into alarm (rule, kind, subject, priority, state, since) values ('r', 'stop', 'machine:M0', 'critical', 'unacknowledged', :t);

-- name: alarm_event
insert into alarm_event (alarm_id, at, old, new, cause) values (1, :t, 'normal', 'unacknowledged', 'raised');

-- name: mail_outbox
insert into mail_outbox (alarm_event_id, recipient, address, language, message_id, created_at, next_attempt) values (1, 'r', 'a@example.com', 'en', '<1@x>', :t, :t);

-- name: mail_outbox_event
insert into mail_outbox_event values (1, 1);

-- name: anomaly_model
insert into anomaly_model values (1, :t, '\x01');

-- name: anomaly_score
insert into anomaly_score values (1, :t, 1, 0, 2, 0.5);

-- name: app_user
insert into app_user (name, password_hash, role, created_at) values ('ann', 'x', 'admin', :t);

-- name: device
insert into device (name, boards, created_at, created_by) values ('wall', '{overview,oee}', :t, 'ann');

-- name: login_attempt
insert into login_attempt values (:t, '127.0.0.1', 'ann', true);

-- name: audit
insert into audit (at, actor, action) values (:t, 'ann', 'login');

-- name: order_mark
insert into order_mark values (1, 'http://mes', '"x"');

-- name: calendar_book
insert into calendar_book (applied_at, body) values (:t, '{}');

-- name: machine_calendar
insert into machine_calendar select id, '-infinity', calendar_id from machine on conflict do nothing;

-- name: machine_line
insert into machine_line select id, '-infinity', line_id from machine on conflict do nothing;

-- name: count_correction
insert into count_correction (machine_id, at, good, reason, actor, recorded_at) values (1, :t, -2, 'twice', 'ann', :t);

-- name: count_correction_due
insert into count_correction_due values (1);

-- name: stop_edit
insert into stop_edit (key, machine_id, kind, t0, t1, reason_id, actor, at) values ('k', 1, 'assign', :t + interval '1 hour', :t + interval '2 hours', 2, 'ann', :t);
insert into stop_edit (key, machine_id, kind, t0, t1, actor, at, supersedes) values ('w', 1, 'withdraw', :t + interval '1 hour', :t + interval '2 hours', 'ann', :t, 1);

-- name: stop_span
insert into stop_span values (1, :t + interval '1 hour', null, 'down', 1, 'machine', false, 0) on conflict do nothing;

-- name: hour_note
insert into hour_note (line_id, t0, t1, remark, countermeasure, is_signed, actor, at, key) values (1, :t, :t + interval '1 hour', 'jam', '', false, 'ann', :t, gen_random_uuid());
insert into hour_note (line_id, t0, t1, remark, countermeasure, is_signed, actor, at, key, based_on) values (1, :t, :t + interval '1 hour', 'jam', 'oil', true, 'bob', :t, gen_random_uuid(), 1);

-- name: storage_sample
insert into storage_sample values ('raw', :t, 1000000);

-- name: site_copy
-- Nothing: only a copy does.

-- name: stop_edit_refused
insert into stop_edit_refused (key, machine_id, stop_t0, kind, said, actor, at, why)
values ('r', 1, :t, 'comment', 'tool', 'ann', :t, 'too_old');

-- name: line_setting
insert into line_setting values (1, '-infinity', '{}') on conflict do nothing;
