-- Names are found without their accents, whichever way they are typed.

-- A text as searches compare it: in lower case, without accents, and with plain letters for those that are none with an
-- accent. A text in plain letters stays as it is but for its case; the service counts on that.
create function folded(said text) returns text language sql immutable parallel safe as $$
    select lower(normalize(regexp_replace(
               replace(replace(replace(replace(
                   translate(normalize(translate(lower(said), '´', ''''), nfkd),
                             'øłđðħıŧŋɨʉɓɗƙƴƒəʼʻ‘’‐‒–—−', 'olddhitniubdkyfe''''''''-----'),
                   'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
               '[\u0300-\u036f]', '', 'g'), nfc))
$$;

-- What a row is found by, and once more without accents what has some. An index entry holds 2,704 bytes, of which the
-- name beside it takes some too, so that a text of wide letters is cut.
create function with_folded(found text, beside integer) returns text language sql immutable parallel safe as $$
    select case when octet_length(found) = length(found) then found else (
        select found || coalesce(E'\n' || case when octet_length(plain) <= room then plain else left(plain, room / 4) end, '')
          from (
            select string_agg(folded(line), E'\n' order by place) as plain,
                   greatest(2600 - beside - octet_length(found), 0) as room
              from string_to_table(found, E'\n') with ordinality as lines (line, place)
             where folded(line) <> line
          ) lines
    ) end
$$;

create or replace function write_account_search() returns trigger language plpgsql as $$
begin
    new.search_text := with_folded(searchable(
        lower(new.name) || E'\n' || new.number::text || E'\n' || lower(coalesce(new.email, '')) || E'\n',
        new.phone, new.phone_e164, new.search_more
    ), octet_length(new.name));
    return new;
end $$;

create or replace function write_member_search() returns trigger language plpgsql as $$
begin
    new.search_text := with_folded(searchable(
        lower(new.first_name || ' ' || new.last_name) || E'\n' || new.number::text || E'\n'
            || lower(coalesce(new.email, '')) || E'\n',
        new.phone, new.phone_e164, new.search_more
    ), octet_length(new.last_name || ', ' || new.first_name));
    return new;
end $$;

-- What changes nothing of a merged account but what it is found by is let through; that is written after this.
create or replace trigger account_merges before update on account
    for each row when ((old.state = 'merged' or new.state = 'merged') and old.* is distinct from new.*)
    execute function keep_merged_account();
