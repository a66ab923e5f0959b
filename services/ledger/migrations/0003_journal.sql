-- The books. Entries and their lines are only ever added; a wrong entry is reversed by another.
create table journal_entry (
    id             uuid        primary key,
    number         bigint      generated always as identity,
    tx             xid8        not null default pg_current_xact_id(),
    effective_on   date        not null,
    memo           text        not null check (length(memo) between 1 and 300),
    source_service text        not null check (length(source_service) between 1 and 40),
    source_kind    text        not null check (length(source_kind) between 1 and 40),
    source_id      uuid        not null,
    event_kind     text        not null check (length(event_kind) between 1 and 100),
    -- The transaction of the event's producer; entries that no event caused have none.
    producer_tx    xid8,
    reverses_id    uuid,
    amount         bigint      not null check (amount > 0),
    recorded_at    timestamptz not null default now(),
    constraint journal_entry_number_key unique (number),
    -- An event is booked once. The id comes first, so that the index also finds what a sale caused.
    constraint journal_entry_source_key unique (source_id, event_kind, source_kind, source_service),
    constraint journal_entry_reverses_id_fkey foreign key (reverses_id) references journal_entry (id),
    constraint journal_entry_reverses_check check (reverses_id <> id)
);
create unique index journal_entry_reverses_id_key on journal_entry (reverses_id) where reverses_id is not null;
create index journal_entry_order on journal_entry (tx, number);
create index journal_entry_effective_on on journal_entry (effective_on, id);

create table journal_line (
    journal_entry_id  uuid     not null,
    ordinal           smallint not null check (ordinal > 0),
    ledger_account_id uuid     not null,
    -- The entry's, so that balances as of a date are read from one index.
    effective_on      date     not null,
    debit             bigint   not null,
    credit            bigint   not null,
    memo              text     check (length(memo) between 1 and 300),
    constraint journal_line_pkey primary key (journal_entry_id, ordinal),
    constraint journal_line_journal_entry_id_fkey foreign key (journal_entry_id) references journal_entry (id),
    constraint journal_line_ledger_account_id_fkey foreign key (ledger_account_id) references ledger_account (id),
    constraint journal_line_one_side_check check ((debit > 0 and credit = 0) or (debit = 0 and credit > 0))
);
create index journal_line_balance on journal_line (ledger_account_id, effective_on) include (debit, credit);

-- At the commit every entry has two lines or more, and its debits and its credits each come to its amount, exactly.
-- A line that is added to an older entry breaks this too, so nothing can be slipped in later.
create function refuse_unbalanced() returns trigger language plpgsql as $$
declare
    entry_id uuid;
begin
    if tg_table_name = 'journal_entry' then
        entry_id := new.id;
    else
        entry_id := new.journal_entry_id;
    end if;
    perform
       from journal_entry e,
            lateral (select count(*) as lines, sum(l.debit) as debit, sum(l.credit) as credit,
                            bool_and(l.effective_on = e.effective_on) as same_day
                       from journal_line l
                      where l.journal_entry_id = e.id) total
      where e.id = entry_id
        and total.lines >= 2
        and total.debit = e.amount
        and total.credit = e.amount
        and total.same_day;
    if not found then
        raise exception 'journal entry % does not balance', entry_id
            using errcode = 'check_violation', constraint = 'journal_entry_balance_check', table = 'journal_entry';
    end if;
    return null;
end $$;
create constraint trigger journal_entry_balances after insert on journal_entry
    deferrable initially deferred for each row execute function refuse_unbalanced();
create constraint trigger journal_line_balances after insert on journal_line
    deferrable initially deferred for each row execute function refuse_unbalanced();

-- Control accounts agree with the service that owns the value, so only its events, and reversals, book to them.
create function refuse_uncontrolled() returns trigger language plpgsql as $$
begin
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
create constraint trigger journal_entry_controls after insert on journal_entry
    deferrable initially deferred for each row
    when (new.producer_tx is null and new.reverses_id is null) execute function refuse_uncontrolled();

create trigger journal_entry_append_only before update or delete on journal_entry
    for each row execute function refuse_change();
create trigger journal_entry_no_truncate before truncate on journal_entry
    for each statement execute function refuse_change();
create trigger journal_line_append_only before update or delete on journal_line
    for each row execute function refuse_change();
create trigger journal_line_no_truncate before truncate on journal_line
    for each statement execute function refuse_change();
