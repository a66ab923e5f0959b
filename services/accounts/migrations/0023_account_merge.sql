-- Two accounts that turn out to be one payer.

-- A2: merged means merged into another, and nothing is its own target.
alter table account
    drop constraint account_state_check,
    add column merged_into uuid,
    add constraint account_state_check check (state in ('active', 'archived', 'merged')),
    add constraint account_merged_into_fkey foreign key (merged_into) references account (id),
    add constraint account_merged_check check ((state = 'merged') = (merged_into is not null)),
    add constraint account_merged_self_check check (merged_into <> id);
create index account_merged on account (name, id) include (search_text, kind) where state = 'merged';
create index account_merged_into on account (merged_into) where merged_into is not null;

-- A tombstone does not change, and an account is merged only into one that stands. Whoever is adding something to it is
-- waited for.
create function keep_merged_account() returns trigger language plpgsql as $$
begin
    if old.state = 'merged' and new.state = 'merged' then
        raise exception 'a merged account does not change'
            using errcode = 'check_violation', constraint = 'account_merged_final_check';
    end if;
    if new.state = 'merged' then
        perform from account where id = new.id for update;
        perform from account where id = new.merged_into and state = 'active' for share;
        if not found then
            raise exception 'an account is merged into one that stands'
                using errcode = 'check_violation', constraint = 'account_merged_into_check';
        end if;
    end if;
    return new;
end $$;
create trigger account_merges before update on account
    for each row when (old.state = 'merged' or new.state = 'merged') execute function keep_merged_account();

-- A2: nothing new on a merged account. The lock waits for a merge that is under way, and sees what came of it.
create function refuse_merged_account() returns trigger language plpgsql as $$
declare
    account_state text;
begin
    select state into account_state from account where id = new.account_id for key share;
    if account_state = 'merged' then
        raise exception 'account % is merged', new.account_id
            using errcode = 'check_violation', constraint = 'account_stands_check';
    end if;
    return new;
end $$;

-- Every table whose rows go with their account; the list in the service is the same.
do $$
declare
    owned text;
begin
    foreach owned in array array['member', 'payment_method', 'external_reference', 'processor_link',
                               'tax_exemption', 'contact', 'address', 'phone_number'] loop
        execute format('create trigger %I before insert or update of account_id on %I
                        for each row execute function refuse_merged_account()', owned || '_account_stands', owned);
    end loop;
end $$;

create table account_merge (
    id             uuid        primary key,
    source_id      uuid        not null,
    target_id      uuid        not null,
    reason         text        not null,
    -- What the source was.
    source_state   text        not null,
    -- Tags that the target did not have.
    tags_added     text[]      not null,
    -- The primary member that it had.
    source_primary uuid,
    merged_by      uuid,
    merged_by_name text        not null,
    merged_at      timestamptz not null,
    undone_by      uuid,
    undone_by_name text,
    undone_at      timestamptz,
    version        bigint      not null default 1,
    constraint account_merge_source_id_fkey foreign key (source_id) references account (id),
    constraint account_merge_target_id_fkey foreign key (target_id) references account (id),
    constraint account_merge_self_check check (source_id <> target_id),
    constraint account_merge_source_state_check check (source_state in ('active', 'archived')),
    constraint account_merge_reason_check check (length(reason) between 1 and 500),
    constraint account_merge_undone_check check (num_nulls(undone_by_name, undone_at) in (0, 2))
);
-- What is merged can be merged again only once that is undone.
create unique index account_merge_open_key on account_merge (source_id) where undone_at is null;
create index account_merge_source on account_merge (source_id);
create index account_merge_target on account_merge (target_id);
create index account_merge_order on account_merge (merged_at, id);

-- What went over, so that exactly this can come back.
create table account_merge_row (
    merge_id uuid    not null,
    kind     text    not null,
    row_id   uuid    not null,
    -- It was the one of its kind, such as the default, and had to give way to the target's.
    gave_way boolean not null,
    -- Why it did not come back.
    left_as  text,
    constraint account_merge_row_pkey primary key (merge_id, kind, row_id),
    constraint account_merge_row_merge_id_fkey foreign key (merge_id) references account_merge (id),
    constraint account_merge_row_left_as_check check (left_as in ('gone', 'elsewhere'))
);

do $$
begin
    execute format('grant update (undone_by, undone_by_name, undone_at, version) on account_merge to %I',
                   current_schema() || '_rt');
    execute format('grant update (left_as) on account_merge_row to %I', current_schema() || '_rt');
end $$;
