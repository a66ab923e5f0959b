-- Letters that let somebody choose a first password. Only hashes of their tokens are kept.
create table invitation (
    hash       bytea       primary key,
    user_id    uuid        not null references app_user,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz,
    constraint invitation_hash_check check (length(hash) = 32),
    constraint invitation_expires_check check (expires_at > created_at)
);
create unique index invitation_open_key on invitation (user_id) where used_at is null;
grant update (used_at), delete on invitation to identity_rt;
