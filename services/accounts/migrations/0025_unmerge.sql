-- When a merge is undone, everybody goes back to where he was, though he may answer for somebody who stays. Whoever is under
-- age still has somebody who answers for him; only where that person is, is not asked then.
create or replace function check_member_responsible() returns trigger language plpgsql as $$
declare
    minor uuid;
begin
    perform keep_responsible_adult(new.id);
    for minor in
        select member_id from responsible_adult where adult_id = new.id and state = 'active' order by member_id
    loop
        perform keep_responsible_adult(minor);
    end loop;
    -- Who moves to another account does not leave there a minor for whom nobody of that account answers any more.
    if new.account_id <> old.account_id and current_setting('accounts.unmerging', true) is distinct from 'on' then
        for minor in
            select r.member_id from responsible_adult r join member m on m.id = r.member_id
             where r.adult_id = new.id and r.state = 'active' and m.state = 'active' and m.account_id = old.account_id
               and m.account_id <> (select account_id from member where id = new.id)
               and is_under_age(m.born_on, m.age_override, of_age_born_by())
             order by r.member_id
        loop
            perform from member where id = minor for update;
            if not exists (
                select from responsible_adult r join member a on a.id = r.adult_id
                 where r.member_id = minor and r.state = 'active' and a.state = 'active'
                   and a.account_id = old.account_id and not is_under_age(a.born_on, a.age_override, of_age_born_by())
            ) then
                raise exception 'minor % would stay alone on the account', minor
                    using errcode = 'check_violation', constraint = 'member_responsible_adult_check';
            end if;
        end loop;
    end if;
    return null;
end $$;
