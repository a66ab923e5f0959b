-- Failed sign-ins in a row, by name: it holds for every replica and outlives restarts. A name is known by its hash only,
-- since somebody may have typed anything there.
create table throttle (
    name_hash      bytea       primary key,
    failures       integer     not null default 0,
    last_failed_at timestamptz not null,
    waits_until    timestamptz not null,
    constraint throttle_name_hash_check check (length(name_hash) = 32),
    constraint throttle_failures_check check (failures >= 0)
);
create index throttle_old on throttle (last_failed_at);
grant update, delete on throttle to identity_rt;
