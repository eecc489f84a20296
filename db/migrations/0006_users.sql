-- Who may see and do what.

create table app_user (
    id            integer generated always as identity primary key,
    name          text not null unique,
    password_hash text not null,
    role          text not null check (role in ('viewer', 'operator', 'manager', 'admin')),
    language      text not null default 'en',
    epoch         integer not null default 0,   -- raised: every session of this user ends
    created_at    timestamptz not null,
    disabled_at   timestamptz
);

-- A wall screen. Its token is shown once; only the SHA-256 is kept.
create table device (
    id            integer generated always as identity primary key,
    name          text not null unique,
    boards        text[] not null,              -- empty: every board
    pairing_hash  text,                         -- SHA-256 of the one-time pairing code
    pairing_until timestamptz,
    token_hash    text unique,
    created_at    timestamptz not null,
    created_by    text not null,
    last_seen     timestamptz,
    revoked_at    timestamptz
);

create table login_attempt (
    at            timestamptz not null,
    address       text not null,
    name          text not null,
    succeeded     boolean not null
);
create index login_attempt_by_address on login_attempt (address, at);
create index login_attempt_by_name on login_attempt (name, at);

create table audit (
    id            bigint generated always as identity primary key,
    at            timestamptz not null,
    actor         text not null,
    action        text not null,
    detail        jsonb not null default '{}',
    address       text
);
create index audit_by_time on audit (at desc);
