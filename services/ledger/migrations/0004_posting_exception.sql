-- Events that no rule could post, whole, so that they can be tried again when a rule has been mended.
create table posting_exception (
    id          uuid        primary key,
    event_id    uuid        not null,
    event_kind  text        not null,
    producer    text        not null,
    producer_tx xid8        not null,
    body        bytea       not null,
    source_id   text        not null default '',
    reason      text        not null,
    attempts    integer     not null default 1,
    tried_at    timestamptz not null default now(),
    created_at  timestamptz not null default now(),
    resolved_at timestamptz,
    constraint posting_exception_event_id_key unique (event_id)
);
create index posting_exception_open on posting_exception (tried_at) where resolved_at is null;
create index posting_exception_created on posting_exception (created_at, id);
grant update on posting_exception to ledger_rt;
