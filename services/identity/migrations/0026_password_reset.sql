-- A way back in for whoever forgot his password: a link that works once, for half an hour. Only its hash is kept.
create table password_reset (
    hash         bytea       primary key,
    user_id      uuid        not null,
    requested_by uuid,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null,
    used_at      timestamptz,
    constraint password_reset_user_fkey foreign key (user_id) references app_user,
    constraint password_reset_hash_check check (length(hash) = 32)
);
create index password_reset_user on password_reset (user_id);
create index password_reset_expires on password_reset (expires_at);
grant update, delete on password_reset to identity_rt;

-- How often a letter was asked for, by a hash of the address: whether anybody has it or not.
create table reset_request (
    id           bigint      generated always as identity primary key,
    name_hash    bytea       not null,
    requested_at timestamptz not null,
    constraint reset_request_name_hash_check check (length(name_hash) = 32)
);
create index reset_request_name on reset_request (name_hash, requested_at);
create index reset_request_old on reset_request (requested_at);
grant delete on reset_request to identity_rt;
