-- Files of accounts on their way in.

create table account_import (
    id            uuid        primary key,
    file_name     text        not null,
    dry_run       boolean     not null,
    state         text        not null default 'open',
    bytes         bigint      not null default 0,
    checked_bytes bigint      not null default 0,
    rows          integer     not null default 0,
    accounts      integer     not null default 0,
    members       integer     not null default 0,
    errors        integer     not null default 0,
    -- Counted before each try to publish, so that a file that kills the process is not tried for ever.
    attempts      integer     not null default 0,
    failure       text,
    version       bigint      not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    constraint account_import_state_check check (state in (
        'open', 'uploaded', 'checking', 'checked', 'rejected', 'publishing', 'published', 'failed', 'discarded')),
    constraint account_import_file_name_check check (length(file_name) between 1 and 200),
    constraint account_import_bytes_check check (bytes between 0 and 67108864),
    constraint account_import_checked_bytes_check check (checked_bytes between 0 and bytes),
    constraint account_import_good_check check (state not in ('checked', 'publishing', 'published') or errors = 0),
    constraint account_import_rejected_check check (state <> 'rejected' or errors > 0),
    constraint account_import_failure_check check ((state = 'failed') = (failure is not null))
);
create index account_import_created on account_import (created_at, id);
create index account_import_work on account_import (created_at) where state in ('uploaded', 'checking', 'publishing');

-- What is published stays published, and nothing is published that was not checked.
create function guard_account_import() returns trigger language plpgsql as $$
begin
    if new.state <> old.state and (old.state, new.state) not in (
        ('open', 'uploaded'), ('uploaded', 'checking'), ('checking', 'checked'), ('checking', 'rejected'),
        ('checked', 'publishing'), ('publishing', 'published'), ('publishing', 'failed'), ('checking', 'failed'),
        ('open', 'discarded'), ('uploaded', 'discarded'), ('checked', 'discarded')
    ) then
        raise exception 'an import does not go from % to %', old.state, new.state
            using errcode = 'check_violation', constraint = 'account_import_transition_check';
    end if;
    return new;
end $$;
create trigger account_import_transition before update of state on account_import
    for each row execute function guard_account_import();

-- The content as it came, in pieces.
create table account_import_part (
    import_id uuid   not null references account_import (id),
    place     bigint not null,
    data      bytea  not null,
    constraint account_import_part_key primary key (import_id, place)
);

-- Good rows on their way to be published. An account stands in the row that opens it.
create table account_import_row (
    import_id  uuid   not null references account_import (id),
    line       bigint not null,
    account_id uuid   not null,
    -- What the rows of one account have in common.
    key        text   not null,
    account    bytea,
    member_id  uuid,
    member     bytea,
    constraint account_import_row_key primary key (import_id, line),
    constraint account_import_row_member_check check ((member_id is null) = (member is null))
);

create table account_import_error (
    id        uuid   primary key,
    import_id uuid   not null references account_import (id),
    line      bigint not null,
    field     text   not null,
    message   text   not null
);
create index account_import_error_line on account_import_error (import_id, line, id);

do $$
declare
    rt text := current_schema() || '_rt';
begin
    execute format('grant update on account_import to %I', rt);
    execute format('grant delete on account_import_part, account_import_row, account_import_error to %I', rt);
end $$;
