-- How an account is billed and reached: primary member, contacts, addresses, phone numbers; and the search that finds them.

alter table account
    add column billing_mode      text not null default 'consolidated',
    add column primary_member_id uuid,
    -- The phone in E.164, when it is a number of the shop's country or says its own.
    add column phone_e164        text,
    -- What is found beside the account's own fields: its contacts and further numbers.
    add column search_more       text not null default '',
    add constraint account_billing_mode_check check (billing_mode in ('consolidated', 'split')),
    add constraint account_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{3,14}$'),
    add constraint account_primary_member_fkey foreign key (primary_member_id, id) references member (id, account_id)
        deferrable initially deferred;
alter table member
    add column phone_e164  text,
    add column search_more text not null default '',
    add constraint member_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{3,14}$');
create index account_phone_e164 on account (phone_e164) where phone_e164 is not null;
create index member_phone_e164 on member (phone_e164) where phone_e164 is not null;
create index account_primary_member on account (primary_member_id) where primary_member_id is not null;

-- The primary member is a live one.
create function check_primary_member() returns trigger language plpgsql as $$
begin
    if not exists (select from member where id = new.primary_member_id and state = 'active' for share) then
        raise exception 'member % is not live', new.primary_member_id
            using errcode = 'check_violation', constraint = 'account_primary_member_check';
    end if;
    return null;
end $$;
create trigger account_primary_named after insert or update of primary_member_id on account
    for each row when (new.primary_member_id is not null) execute function check_primary_member();

create function check_primary_member_stays() returns trigger language plpgsql as $$
begin
    if exists (select from account where primary_member_id = new.id) then
        raise exception 'member % is the primary member', new.id
            using errcode = 'check_violation', constraint = 'account_primary_member_stays_check';
    end if;
    return null;
end $$;
create constraint trigger member_primary_archived after update on member
    deferrable initially deferred for each row when (old.state = 'active' and new.state <> 'active')
    execute function check_primary_member_stays();

create table contact (
    id         uuid        primary key,
    account_id uuid        not null,
    name       text        not null,
    role       text,
    email      text,
    phone      text,
    phone_e164 text,
    preferred  boolean     not null default false,
    notes      text,
    version    bigint      not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint contact_account_id_fkey foreign key (account_id) references account (id),
    constraint contact_name_check check (length(name) between 1 and 200),
    constraint contact_role_check check (length(role) between 1 and 100),
    constraint contact_email_check check (length(email) between 3 and 254),
    constraint contact_phone_check check (length(phone) between 1 and 40),
    constraint contact_phone_e164_check check (phone_e164 ~ '^\+[1-9][0-9]{3,14}$'),
    constraint contact_phone_both_check check ((phone is null) = (phone_e164 is null)),
    constraint contact_notes_check check (length(notes) between 1 and 1000)
);
create index contact_account on contact (account_id, lower(name), id);
create unique index contact_preferred_key on contact (account_id) where preferred;

create table address (
    id          uuid        primary key,
    account_id  uuid        not null,
    kind        text        not null,
    label       text,
    line1       text        not null,
    line2       text,
    city        text        not null,
    region      text,
    postal_code text        not null,
    country     text        not null,
    is_default  boolean     not null default false,
    version     bigint      not null default 1,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    constraint address_account_id_fkey foreign key (account_id) references account (id),
    constraint address_kind_check check (kind in ('billing', 'shipping')),
    constraint address_label_check check (length(label) between 1 and 100),
    constraint address_line1_check check (length(line1) between 1 and 200),
    constraint address_line2_check check (length(line2) between 1 and 200),
    constraint address_city_check check (length(city) between 1 and 100),
    constraint address_region_check check (length(region) between 1 and 100),
    constraint address_postal_code_check check (length(postal_code) <= 20),
    constraint address_country_check check (country ~ '^[A-Z]{2}$')
);
create index address_account on address (account_id, created_at, id);
create unique index address_default_key on address (account_id, kind) where is_default;

create table phone_number (
    id         uuid        primary key,
    account_id uuid,
    member_id  uuid,
    kind       text        not null,
    -- As it was typed, and in E.164.
    typed      text        not null,
    e164       text        not null,
    preferred  boolean     not null default false,
    version    bigint      not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint phone_number_account_id_fkey foreign key (account_id) references account (id),
    constraint phone_number_member_id_fkey foreign key (member_id) references member (id),
    constraint phone_number_owner_check check (num_nonnulls(account_id, member_id) = 1),
    constraint phone_number_kind_check check (kind in ('mobile', 'home', 'work', 'other')),
    constraint phone_number_typed_check check (length(typed) between 1 and 40),
    constraint phone_number_e164_check check (e164 ~ '^\+[1-9][0-9]{3,14}$')
);
create unique index phone_number_account_key on phone_number (account_id, e164) where account_id is not null;
create unique index phone_number_member_key on phone_number (member_id, e164) where member_id is not null;
create unique index phone_number_account_preferred_key on phone_number (account_id) where preferred;
create unique index phone_number_member_preferred_key on phone_number (member_id) where preferred;
create index phone_number_e164 on phone_number (e164);

-- What a search looks through is written by triggers now, since it comes from several tables. The text of a row stays
-- as it is until the row changes: what was generated before is what the trigger writes.
alter table account alter column search_text drop expression;
alter table member alter column search_text drop expression;

create function searchable(own text, phone text, e164 text, more text) returns text
language sql immutable parallel safe as $$
    select own || lower(coalesce(phone, '')) || E'\n' || regexp_replace(coalesce(phone, ''), '[^0-9]', '', 'g')
           || coalesce(E'\n' || e164, '') || case when more = '' then '' else E'\n' || more end
$$;

create function write_account_search() returns trigger language plpgsql as $$
begin
    new.search_text := searchable(
        lower(new.name) || E'\n' || new.number::text || E'\n' || lower(coalesce(new.email, '')) || E'\n',
        new.phone, new.phone_e164, new.search_more
    );
    return new;
end $$;
create trigger account_searchable before insert or update of name, number, email, phone, phone_e164, search_more on account
    for each row execute function write_account_search();

create function write_member_search() returns trigger language plpgsql as $$
begin
    new.search_text := searchable(
        lower(new.first_name || ' ' || new.last_name) || E'\n' || new.number::text || E'\n'
            || lower(coalesce(new.email, '')) || E'\n',
        new.phone, new.phone_e164, new.search_more
    );
    return new;
end $$;
create trigger member_searchable
    before insert or update of first_name, last_name, number, email, phone, phone_e164, search_more on member
    for each row execute function write_member_search();

-- Also for rows that a bulk load brings in behind the other triggers.
alter table account enable always trigger account_searchable;
alter table member enable always trigger member_searchable;

-- What else an account is found by. An index entry holds 2,704 bytes, so that it is cut: the preferred contact is first.
create function account_more(of_account uuid) returns text language sql stable as $$
    select coalesce(left(more, 650 * length(more) / greatest(octet_length(more), 650)), '')
      from (
        select string_agg(part, E'\n' order by place, part) as more
          from (
            select (not preferred)::int as place,
                   concat_ws(E'\n', lower(name), lower(email), phone_e164, regexp_replace(phone, '[^0-9]', '', 'g')) as part
              from contact where account_id = of_account
             union all
            select 2, concat_ws(E'\n', e164, regexp_replace(typed, '[^0-9]', '', 'g'))
              from phone_number where account_id = of_account
          ) parts
      ) whole
$$;

create function member_more(of_member uuid) returns text language sql stable as $$
    select coalesce(left(string_agg(concat_ws(E'\n', e164, regexp_replace(typed, '[^0-9]', '', 'g')), E'\n'
                                    order by preferred desc, e164), 400), '')
      from phone_number where member_id = of_member
$$;

create function refresh_search() returns trigger language plpgsql as $$
declare
    touched jsonb[] := array[to_jsonb(old), to_jsonb(new)];
    owner jsonb;
begin
    foreach owner in array touched loop
        update account set search_more = account_more(id)
         where id = (owner ->> 'account_id')::uuid and search_more <> account_more(id);
        update member set search_more = member_more(id)
         where id = (owner ->> 'member_id')::uuid and search_more <> member_more(id);
    end loop;
    return null;
end $$;
create trigger contact_found after insert or update or delete on contact
    for each row execute function refresh_search();
create trigger phone_number_found after insert or update or delete on phone_number
    for each row execute function refresh_search();

do $$
begin
    execute format('grant update, delete on contact, address, phone_number to %I', current_schema() || '_rt');
end $$;
