-- Who pays.

-- Numbers have six digits until 900,000 are given out, and then seven.
create sequence account_number as bigint start 100001;

create table account (
    id           uuid        primary key,
    number       bigint      not null default nextval('account_number'),
    kind         text        not null,
    name         text        not null,
    email        text,
    phone        text,
    address      jsonb,
    notes        text,
    state        text        not null default 'active',
    -- Members that are not archived; written with the member's own change, under a lock on this row.
    member_count integer     not null default 0,
    version      bigint      not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    -- What a search looks through. Line breaks keep one field's end from being read on into the next; the phone is
    -- there as it was typed and as bare digits.
    search_text  text        not null generated always as (
        lower(name) || E'\n' || number::text || E'\n' || lower(coalesce(email, '')) || E'\n'
        || lower(coalesce(phone, '')) || E'\n' || regexp_replace(coalesce(phone, ''), '[^0-9]', '', 'g')
    ) stored,
    constraint account_number_key unique (number),
    constraint account_number_check check (number >= 100000),
    constraint account_kind_check check (kind in ('family', 'individual', 'business')),
    constraint account_state_check check (state in ('active', 'archived')),
    constraint account_name_check check (length(name) between 1 and 200),
    constraint account_email_check check (length(email) between 3 and 254),
    constraint account_phone_check check (length(phone) between 1 and 40),
    constraint account_notes_check check (length(notes) between 1 and 5000),
    constraint account_member_count_check check (member_count >= 0)
);
alter sequence account_number owned by account.number;

-- The lists in their usual order; they carry the text, so that a broad search walks the index and fetches only the rows
-- of the page.
create index account_active on account (name, id) include (search_text, kind) where state = 'active';
create index account_archived on account (name, id) include (search_text, kind) where state = 'archived';
create index account_created on account (created_at, id);
create index account_search on account using gin (search_text gin_trgm_ops) with (fastupdate = off);

-- Exact totals without counting again: a count is kept with the snapshot it was taken in, and the total now is that
-- count plus the changes that the snapshot has not seen.
create table account_change (
    tx        xid8 not null default pg_current_xact_id(),
    old_text  text,
    old_kind  text,
    old_state text,
    new_text  text,
    new_kind  text,
    new_state text
);
create index account_change_tx on account_change (tx);

create table account_count (
    -- The `like` patterns, any of which holds.
    patterns   text[]      not null,
    -- Empty for every kind.
    kind       text        not null,
    state      text        not null,
    rows       bigint      not null,
    snapshot   pg_snapshot not null,
    counted_at timestamptz not null default now(),
    constraint account_count_key primary key (patterns, kind, state)
);
create index account_count_age on account_count (counted_at);

-- Changes of older transactions are forgotten; a count whose snapshot reaches below this cannot be used any more.
create table account_change_floor (
    one boolean primary key default true check (one),
    tx  xid8    not null
);
insert into account_change_floor (tx) values ('0');

create function note_account_change() returns trigger language plpgsql as $$
begin
    insert into account_change (old_text, old_kind, old_state, new_text, new_kind, new_state)
    values (old.search_text, old.kind, old.state, new.search_text, new.kind, new.state);
    return null;
end $$;
create trigger account_written after insert or delete on account
    for each row execute function note_account_change();
create trigger account_changed after update on account
    for each row when ((old.search_text, old.kind, old.state) is distinct from (new.search_text, new.kind, new.state))
    execute function note_account_change();

-- How many accounts contain one of the patterns now; no row when that is not known or more than 2,000 changes away.
create function account_total(sought text[], of_kind text, in_state text)
returns table (rows bigint, changes bigint, snapshot text) language sql stable as $$
    with known as (
        select c.rows, c.snapshot
          from account_count c, account_change_floor f
         where c.patterns = sought
           and c.kind = of_kind
           and c.state = in_state
           and pg_snapshot_xmin(c.snapshot) >= f.tx
    ), since as (
        select coalesce(sum(
                   coalesce((new_text like any (sought) and of_kind in ('', new_kind) and in_state = new_state)::int, 0)
                   - coalesce((old_text like any (sought) and of_kind in ('', old_kind) and in_state = old_state)::int, 0)
               ), 0)::bigint as more,
               count(*) as changes
          from (select new_text, new_kind, new_state, old_text, old_kind, old_state
                  from account_change, known
                 where account_change.tx >= pg_snapshot_xmin(known.snapshot)
                   and not pg_visible_in_snapshot(account_change.tx, known.snapshot)
                 limit 2001) unseen
    )
    select known.rows + since.more, since.changes, pg_current_snapshot()::text
      from known, since
     where since.changes <= 2000
$$;

-- What resembles a text. The setting is the least word similarity, and can only be named here once its library is loaded.
select similarity('', '');
create function account_near(sought text)
returns table (id uuid, nearness real) language sql stable
set pg_trgm.word_similarity_threshold = 0.5 as $$
    select id, word_similarity(sought, search_text)
      from account
     where search_text %> sought
$$;

do $$
begin
    execute format('grant update on account, account_change_floor to %I', current_schema() || '_rt');
    execute format('grant update, delete on account_count to %I', current_schema() || '_rt');
    execute format('grant delete on account_change to %I', current_schema() || '_rt');
end $$;
