-- A sign-in. All refresh tokens that follow from it belong to it and end with it.
create table session (
    id                  uuid        primary key,
    user_id             uuid        not null references app_user,
    user_agent          text        not null,
    ip_address          text        not null,
    created_at          timestamptz not null default now(),
    last_used_at        timestamptz not null,
    expires_at          timestamptz not null,
    absolute_expires_at timestamptz not null,
    ended_at            timestamptz,
    constraint session_expires_check check (expires_at <= absolute_expires_at)
);
create index session_of_user on session (user_id) where ended_at is null;
create index session_expires on session (expires_at);
grant update, delete on session to identity_rt;

-- Only hashes are kept: a stolen copy of this table opens nothing.
create table refresh_token (
    hash           bytea       primary key,
    session_id     uuid        not null,
    created_at     timestamptz not null default now(),
    used_at        timestamptz,
    successor_hash bytea,
    constraint refresh_token_session_fkey foreign key (session_id) references session on delete cascade,
    constraint refresh_token_hash_check check (length(hash) = 32),
    constraint refresh_token_used_check check ((used_at is null) = (successor_hash is null))
);
create index refresh_token_session on refresh_token (session_id);
grant update on refresh_token to identity_rt;

-- What others must refuse while access tokens of that time may still live. The times of tokens and revocations come
-- from this database, so that no two clocks are compared.
create table revocation (
    id         bigint      generated always as identity primary key,
    session_id uuid,
    user_id    uuid        not null,
    revoked_at timestamptz not null default clock_timestamp()
);
create index revocation_recent on revocation (revoked_at);
grant delete on revocation to identity_rt;
