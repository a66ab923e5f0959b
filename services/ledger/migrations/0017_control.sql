-- Control accounts agree with the service that owns the value, so only its events book to them. A reversal by hand is
-- excepted only where it takes back one that was made by hand before this rule, and by that puts the account right.
create or replace function refuse_uncontrolled() returns trigger language plpgsql as $$
declare
    by_hand bigint;
begin
    with recursive reversal as (
        select id, reverses_id
          from journal_entry
         where id = new.reverses_id
           and producer_tx is null
           and reverses_id is not null
         union all
        select e.id, e.reverses_id
          from reversal r
          join journal_entry e on e.id = r.reverses_id
         where e.producer_tx is null
           and e.reverses_id is not null
    )
    select count(*) into by_hand from reversal;
    if by_hand % 2 = 1 then
        return null;
    end if;
    perform
       from journal_line l
       join ledger_account a on a.id = l.ledger_account_id
      where l.journal_entry_id = new.id
        and a.control_of is not null;
    if found then
        raise exception 'journal entry % books to a control account without an event', new.id
            using errcode = 'check_violation', constraint = 'journal_entry_control_check', table = 'journal_entry';
    end if;
    return null;
end $$;
drop trigger journal_entry_controls on journal_entry;
create constraint trigger journal_entry_controls after insert on journal_entry
    deferrable initially deferred for each row
    when (new.producer_tx is null) execute function refuse_uncontrolled();
