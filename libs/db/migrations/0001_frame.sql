-- What every service's schema holds beside its own tables. It runs before the service's own migrations.

-- Facts and copies told to others, written in the transaction of the change.
create table outbox (
    position          bigint generated always as identity primary key,
    tx                xid8        not null default pg_current_xact_id(),
    event_id          uuid        not null,
    kind              text        not null,
    aggregate_id      uuid        not null,
    aggregate_version bigint      not null,
    ordinal           smallint    not null default 0,
    body              bytea       not null,
    headers           jsonb       not null,
    created_at        timestamptz not null default now(),
    published_at      timestamptz,
    constraint outbox_event_id_key unique (event_id),
    constraint outbox_aggregate_key unique (aggregate_id, aggregate_version, ordinal)
);
create index outbox_waiting on outbox (position) where published_at is null;
create index outbox_watched on outbox (tx, position);
create index outbox_published on outbox (published_at) where published_at is not null;

-- Value-moving events that retention has removed, by kind, so that counts since the beginning stay exact.
create table outbox_pruned (
    kind   text   primary key,
    events bigint not null
);

-- Events heard from others; the row outlives the effect, so that an event is applied once.
create table inbox (
    event_id        uuid        primary key,
    kind            text        not null,
    producer        text        not null,
    producer_tx     xid8        not null,
    body            bytea       not null,
    headers         jsonb       not null,
    attempts        integer     not null default 0,
    first_seen_at   timestamptz not null default now(),
    next_attempt_at timestamptz,
    done_at         timestamptz,
    parked_at       timestamptz,
    last_error      text,
    constraint inbox_ended_check check (done_at is null or parked_at is null)
);
create index inbox_retries on inbox (next_attempt_at) where done_at is null and parked_at is null;
create index inbox_parked on inbox (parked_at) where parked_at is not null;
create index inbox_done on inbox (done_at) where done_at is not null;
create index inbox_heard on inbox (producer, kind, producer_tx) where done_at is not null;

-- Heard events that retention has removed, so that counts since the beginning stay exact.
create table inbox_pruned (
    producer text   not null,
    kind     text   not null,
    events   bigint not null,
    primary key (producer, kind)
);

-- The newest version of each thing that another service told as a copy.
create table copy_version (
    kind    text   not null,
    id      uuid   not null,
    version bigint not null,
    primary key (kind, id)
);

-- Answers of requests that brought an Idempotency-Key.
create table idempotency (
    caller       text        not null,
    rpc          text        not null,
    key          text        not null check (length(key) between 1 and 255),
    request_hash bytea       not null,
    response     bytea,
    moves_money  boolean     not null,
    created_at   timestamptz not null default now(),
    primary key (caller, rpc, key)
);
create index idempotency_old on idempotency (created_at) where not moves_money;

-- Who did what. Rows are only ever added; the grants and a trigger see to it.
create table audit (
    id           uuid        primary key,
    position     bigint      generated always as identity,
    tx           xid8        not null default pg_current_xact_id(),
    action       text        not null,
    subject_kind text        not null,
    subject_id   text        not null,
    actor_id     uuid,
    actor_name   text        not null,
    approver_id  uuid,
    request_id   text        not null,
    before       jsonb,
    after        jsonb,
    created_at   timestamptz not null default now(),
    constraint audit_approver_check check (approver_id is distinct from actor_id or approver_id is null)
);
create index audit_order on audit (tx, position);
create index audit_subject on audit (subject_id);
create index audit_actor on audit (actor_id);
create index audit_request on audit (request_id);
create index audit_created on audit (created_at, id);

-- The hash chains over append-only tables, kept beside them so that no writer waits for a chain head.
create table seal (
    chain    text   not null,
    number   bigint not null,
    row_id   uuid   not null,
    tx       xid8   not null,
    position bigint not null,
    previous bytea  not null,
    hash     bytea  not null,
    primary key (chain, number),
    constraint seal_row_key unique (chain, row_id)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger audit_append_only before update or delete on audit for each row execute function refuse_change();
create trigger audit_no_truncate before truncate on audit for each statement execute function refuse_change();
create trigger seal_append_only before update or delete on seal for each row execute function refuse_change();
create trigger seal_no_truncate before truncate on seal for each statement execute function refuse_change();

do $$
declare
    rt text := current_schema() || '_rt';
begin
    execute format('grant update, delete on outbox to %I', rt);
    execute format('grant update on outbox_pruned, inbox_pruned, copy_version to %I', rt);
    execute format('grant update, delete on inbox, idempotency to %I', rt);
end $$;

-- The service's own copy of the shop's profile and locations, as identity told them.
create table shop_copy (
    one                       boolean primary key default true check (one),
    version                   bigint  not null,
    name                      text    not null,
    currency                  text    not null,
    currency_digits           integer not null,
    time_zone                 text    not null,
    tax_rounding              text    not null,
    cash_rounding_minor_units integer not null,
    receipt_footer            text
);
create table location_copy (
    id        uuid   primary key,
    version   bigint not null,
    name      text   not null,
    time_zone text
);

do $$
begin
    execute format('grant update on shop_copy, location_copy to %I', current_schema() || '_rt');
end $$;
