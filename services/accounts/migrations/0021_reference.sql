-- What other systems call an account.
create table external_reference (
    id          uuid        primary key,
    account_id  uuid        not null,
    system      text        not null,
    external_id text        not null,
    -- Whether the account is in business; the trigger below says so.
    live        boolean     not null default true,
    created_at  timestamptz not null default now(),
    constraint external_reference_account_id_fkey foreign key (account_id) references account (id),
    constraint external_reference_system_check check (system ~ '^[a-z][a-z0-9_-]{0,39}$'),
    constraint external_reference_external_id_check check (length(external_id) between 1 and 200)
);
-- A4: an external id belongs to one account that is not archived.
create unique index external_reference_live_key on external_reference (system, external_id) where live;
create index external_reference_account on external_reference (account_id, id);
create index external_reference_sought on external_reference (external_id, system);

-- The account is locked against being archived meanwhile.
create function know_live_account() returns trigger language plpgsql as $$
begin
    select state = 'active' into new.live from account where id = new.account_id for share;
    return new;
end $$;
create trigger external_reference_known before insert or update of account_id on external_reference
    for each row execute function know_live_account();

create function follow_account_state() returns trigger language plpgsql as $$
begin
    update external_reference set live = (new.state = 'active') where account_id = new.id;
    return null;
end $$;
create trigger account_state_followed after update of state on account
    for each row when (old.state is distinct from new.state) execute function follow_account_state();

-- The customers of payment processors that stand for an account.
create table processor_link (
    id          uuid        primary key,
    account_id  uuid        not null,
    processor   text        not null,
    customer_id text        not null,
    created_at  timestamptz not null default now(),
    constraint processor_link_account_id_fkey foreign key (account_id) references account (id),
    constraint processor_link_customer_key unique (processor, customer_id),
    constraint processor_link_processor_check check (processor ~ '^[a-z][a-z0-9_-]{0,39}$'),
    constraint processor_link_customer_id_check check (length(customer_id) between 1 and 200)
);
create index processor_link_account on processor_link (account_id, id);

do $$
begin
    execute format('grant update, delete on external_reference to %I', current_schema() || '_rt');
    execute format('grant update (account_id), delete on processor_link to %I', current_schema() || '_rt');
end $$;
