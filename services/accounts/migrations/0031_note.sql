-- What is to be remembered of accounts and members; what is sensitive is sealed.

create table note (
    id          uuid        primary key,
    account_id  uuid        references account (id),
    member_id   uuid        references member (id),
    sensitive   boolean     not null,
    text        text,
    sealed      text,
    author_id   uuid,
    author_name text        not null,
    created_at  timestamptz not null default now(),
    constraint note_about_check check (num_nonnulls(account_id, member_id) = 1),
    constraint note_text_check check (length(text) between 1 and 5000),
    -- A sensitive note is never there in plain.
    constraint note_sealed_check check ((sensitive and text is null and sealed like 'v1|%')
                                        or (not sensitive and text is not null and sealed is null))
);
create index note_account on note (account_id, created_at, id) where account_id is not null;
create index note_member on note (member_id, created_at, id) where member_id is not null;

do $$
begin
    -- Notes are written and removed, never changed; a sealed one is sealed anew when the key changes, and those of an
    -- account go over with it.
    execute format('grant update (account_id, sealed), delete on note to %I', current_schema() || '_rt');
end $$;

create trigger note_account_stands before insert or update of account_id on note
    for each row execute function refuse_merged_account();
