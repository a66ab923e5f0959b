-- The second thing that somebody signs in with: codes of an app, and ten that are kept on paper.
create table totp (
    user_id      uuid        primary key,
    secret       text        not null,
    created_at   timestamptz not null default now(),
    confirmed_at timestamptz,
    last_step    bigint      not null default 0,
    constraint totp_user_fkey foreign key (user_id) references app_user
);
grant update, delete on totp to identity_rt;

-- They have 120 random bits, so a plain hash keeps them.
create table recovery_code (
    hash       bytea       primary key,
    user_id    uuid        not null,
    created_at timestamptz not null default now(),
    used_at    timestamptz,
    constraint recovery_code_user_fkey foreign key (user_id) references totp on delete cascade,
    constraint recovery_code_hash_check check (length(hash) = 32)
);
create index recovery_code_user on recovery_code (user_id);
grant update, delete on recovery_code to identity_rt;
