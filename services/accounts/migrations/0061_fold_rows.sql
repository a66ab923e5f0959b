-- no-transaction
-- The rows that were there before are found without their accents too. All are read, a million in a few seconds, and only
-- those with a letter that is not plain are written, in a millisecond each: five minutes for 300,000 of a million. Every
-- thousand is a transaction, so that a change waits for a second at most. Broken off, it begins anew, and what was
-- written stays as it is.
do $$
declare
    done uuid := '00000000-0000-0000-0000-000000000000';
    upto uuid;
begin
    loop
        select id into upto
          from (select id from account where id > done order by id limit 1000) batch
         order by id desc
         limit 1;
        exit when upto is null;
        update account
           set search_more = search_more
         where id > done and id <= upto and octet_length(search_text) <> length(search_text);
        commit;
        done := upto;
    end loop;
    done := '00000000-0000-0000-0000-000000000000';
    loop
        select id into upto
          from (select id from member where id > done order by id limit 1000) batch
         order by id desc
         limit 1;
        exit when upto is null;
        update member
           set search_more = search_more
         where id > done and id <= upto and octet_length(search_text) <> length(search_text);
        commit;
        done := upto;
    end loop;
end $$;
