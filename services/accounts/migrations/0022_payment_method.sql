-- Ways to charge an account, as a payment processor keeps them.

-- Whether a text is a card number: 13 to 19 digits, written with blanks, dots or dashes or without, that end in the
-- check digit they must end in.
create function is_card_number(written text) returns boolean language sql immutable parallel safe as $$
    select written ~ '^[0-9](?:[ .-]?[0-9]){12,18}$'
       and (select sum(case when place % 2 = 1 then digit
                            when digit > 4 then digit * 2 - 9
                            else digit * 2 end) % 10 = 0
              from (select place, substr(reverse(regexp_replace(written, '[^0-9]', '', 'g')), place::int, 1)::int as digit
                      from generate_series(1, length(regexp_replace(written, '[^0-9]', '', 'g'))) place) digits)
$$;

create table payment_method (
    id              uuid        primary key,
    account_id      uuid        not null,
    processor       text        not null,
    provider_token  text        not null,
    brand           text,
    last4           text,
    -- The first day of the last month it holds.
    expires_on      date,
    is_default      boolean     not null default false,
    backup_priority smallint,
    requires_update boolean     not null default false,
    version         bigint      not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    constraint payment_method_account_id_fkey foreign key (account_id) references account (id),
    constraint payment_method_token_key unique (processor, provider_token),
    constraint payment_method_processor_check check (processor ~ '^[a-z][a-z0-9_-]{0,39}$'),
    constraint payment_method_token_check check (length(provider_token) between 8 and 255),
    constraint payment_method_card_check check (not is_card_number(provider_token) and not is_card_number(brand)),
    constraint payment_method_brand_check check (length(brand) between 1 and 40),
    constraint payment_method_last4_check check (last4 ~ '^[0-9]{4}$'),
    constraint payment_method_expires_check check (extract(day from expires_on) = 1),
    constraint payment_method_priority_check check (backup_priority between 1 and 99)
);
-- A5: an account has at most one default.
create unique index payment_method_default_key on payment_method (account_id) where is_default;
create index payment_method_account on payment_method (account_id, id);

-- A5: what a live contract is charged by stays. A row goes with its contract's end.
create table payment_method_use (
    payment_method_id uuid        not null,
    -- The service and its noun, such as `rentals.contract`.
    used_by           text        not null,
    used_by_id        uuid        not null,
    created_at        timestamptz not null default now(),
    constraint payment_method_use_pkey primary key (payment_method_id, used_by, used_by_id),
    constraint payment_method_use_payment_method_id_fkey foreign key (payment_method_id) references payment_method (id)
        on delete restrict,
    constraint payment_method_use_used_by_check check (used_by ~ '^[a-z_]+\.[a-z_]+$')
);

do $$
begin
    execute format('grant update, delete on payment_method to %I', current_schema() || '_rt');
    execute format('grant delete on payment_method_use to %I', current_schema() || '_rt');
end $$;
