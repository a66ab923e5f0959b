-- What programs sign in with. Only hashes are kept: a stolen copy of this table opens nothing.
create table api_key (
    id           uuid        primary key,
    name         text        not null,
    prefix       text        not null,
    hash         bytea       not null,
    created_by   uuid        not null references app_user,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    version      bigint      not null default 1,
    constraint api_key_hash_key unique (hash),
    constraint api_key_hash_check check (length(hash) = 32),
    constraint api_key_name_check check (length(name) between 1 and 100),
    constraint api_key_expires_check check (expires_at > created_at)
);
create index api_key_creator on api_key (created_by);

create table api_key_permission (
    api_key_id uuid not null references api_key,
    permission text not null references permission,
    primary key (api_key_id, permission)
);

grant update (last_used_at, revoked_at, version) on api_key to identity_rt;
