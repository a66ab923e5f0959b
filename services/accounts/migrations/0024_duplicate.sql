-- Who may be known already: by the e-mail address, the phone number or a name that is alike.

-- The digits that a phone number ends in, however it begins: with a country's code, a zero or neither.
create function phone_tail(phone text) returns text language sql immutable parallel safe as $$
    select case when length(digits) >= 7 then right(digits, 8) end
      from (select regexp_replace(phone, '[^0-9]', '', 'g') as digits) typed
$$;

-- A name without what many names have in common.
create function name_core(name text) returns text language sql immutable parallel safe as $$
    select btrim(regexp_replace(
        regexp_replace(lower(name), '[^[:alnum:]]+', ' ', 'g'),
        '\m(the|and|family|household|mr|mrs|ms|dr|inc|llc|ltd|co|company|gmbh)\M', '', 'g'))
$$;

create index account_email on account (lower(email)) where email is not null;
create index account_phone on account (phone_tail(phone)) where phone is not null;
create index account_name_core on account using gin (name_core(name) gin_trgm_ops) with (fastupdate = off);
create index member_email on member (lower(email)) where email is not null;
create index member_phone on member (phone_tail(phone)) where phone is not null;

-- The accounts whose name is most alike. Of a name that many have, two hundred are looked at: it tells nobody apart. The
-- setting is the least similarity.
select similarity('', '');
create function account_namesakes(sought text) returns table (id uuid, nearness real) language sql stable
set pg_trgm.similarity_threshold = 0.5 as $$
    select alike.id, similarity(name_core(alike.name), name_core(sought)) as nearness
      from (select account.id, account.name, account.number
              from account
             where name_core(account.name) % name_core(sought)
               and account.state <> 'merged'
             limit 200) alike
     order by nearness desc, alike.number
     limit 10
$$;
