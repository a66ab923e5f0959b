-- The people on the accounts.

-- Numbers have six digits until 900,000 are given out, and then seven.
create sequence member_number as bigint start 100001;

create table member (
    id          uuid        primary key,
    account_id  uuid        not null,
    number      bigint      not null default nextval('member_number'),
    first_name  text        not null,
    last_name   text        not null,
    email       text,
    phone       text,
    born_on     date,
    state       text        not null default 'active',
    version     bigint      not null default 1,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    sort_name   text        not null generated always as (last_name || ', ' || first_name) stored,
    search_text text        not null generated always as (
        lower(first_name || ' ' || last_name) || E'\n' || number::text || E'\n' || lower(coalesce(email, '')) || E'\n'
        || lower(coalesce(phone, '')) || E'\n' || regexp_replace(coalesce(phone, ''), '[^0-9]', '', 'g')
    ) stored,
    constraint member_number_key unique (number),
    constraint member_account_id_fkey foreign key (account_id) references account (id),
    constraint member_number_check check (number >= 100000),
    constraint member_state_check check (state in ('active', 'archived')),
    constraint member_first_name_check check (length(first_name) between 1 and 100),
    constraint member_last_name_check check (length(last_name) between 1 and 100),
    constraint member_email_check check (length(email) between 3 and 254),
    constraint member_phone_check check (length(phone) between 1 and 40)
);
alter sequence member_number owned by member.number;

create index member_account on member (account_id, sort_name, id);
create index member_active on member (sort_name, id) include (search_text, born_on) where state = 'active';
create index member_archived on member (sort_name, id) include (search_text, born_on) where state = 'archived';
create index member_created on member (created_at, id);
create index member_search on member using gin (search_text gin_trgm_ops) with (fastupdate = off);

-- Whether somebody is under age on a day, as `types::is_minor_on` says: an unknown date of birth counts as under age, and
-- who was born on 29 February comes of age on 1 March of a common year. PostgreSQL takes the 28th for the 29th that a
-- year does not have, and that is right in this direction.
create function is_minor(born_on date, today date) returns boolean language sql immutable parallel safe as $$
    select born_on is null or born_on > (today - interval '18 years')::date
$$;

create function member_near(sought text)
returns table (id uuid, nearness real) language sql stable
set pg_trgm.word_similarity_threshold = 0.5 as $$
    select id, word_similarity(sought, search_text)
      from member
     where search_text %> sought
$$;

do $$
begin
    execute format('grant update on member to %I', current_schema() || '_rt');
end $$;
