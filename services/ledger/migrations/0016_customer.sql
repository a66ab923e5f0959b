-- Whose business an entry was: the customer's account, as the event named it. What is posted does not change, so a merge of
-- accounts changes nothing here; `account_redirect` says where the account leads.
alter table journal_entry add column account_id uuid;
create index journal_entry_account on journal_entry (account_id, id) where account_id is not null;

-- The names of customers' accounts, as accounts tells them.
create table account_copy (
    id      uuid   primary key,
    version bigint not null,
    name    text   not null
);
do $$
begin
    execute format('grant update on account_copy to %I', current_schema() || '_rt');
end $$;
