-- Words that a shop groups its accounts and people by.

-- Folded, so that VIP and vip are one tag, and each stands once.
create function folded_tags(tags text[]) returns text[] language sql immutable parallel safe as $$
    select coalesce(array_agg(distinct lower(btrim(tag)) collate "C" order by lower(btrim(tag)) collate "C"), '{}')
      from unnest(tags) tag
$$;

alter table account
    add column tags text[] not null default '{}',
    add constraint account_tags_check check (tags = folded_tags(tags) and not ('' = any (tags)));
alter table member
    add column tags text[] not null default '{}',
    add constraint member_tags_check check (tags = folded_tags(tags) and not ('' = any (tags)));

-- Most have none, and the index holds only the others.
create index account_tags on account using gin (tags) with (fastupdate = off) where tags <> '{}';
create index member_tags on member using gin (tags) with (fastupdate = off) where tags <> '{}';

-- Every tag that was ever given, so that those in use are known without a look at a million accounts.
create table tag (
    name       text        primary key,
    created_at timestamptz not null default now(),
    constraint tag_name_check check (length(name) between 1 and 40 and name = lower(btrim(name)))
);

create function note_tags() returns trigger language plpgsql as $$
begin
    insert into tag (name) select unnest(new.tags) on conflict do nothing;
    return null;
end $$;
create trigger account_tagged after insert or update of tags on account
    for each row when (new.tags <> '{}') execute function note_tags();
create trigger member_tagged after insert or update of tags on member
    for each row when (new.tags <> '{}') execute function note_tags();
