-- Who pays for whom (services.md §1.3, invariant A6).

create table payer_share (
    id           uuid        primary key,
    member_id    uuid        not null,
    account_id   uuid        not null,
    -- Hundredths of a percent.
    basis_points integer     not null,
    created_at   timestamptz not null default now(),
    constraint payer_share_member_id_fkey foreign key (member_id) references member (id),
    constraint payer_share_account_id_fkey foreign key (account_id) references account (id),
    constraint payer_share_account_key unique (member_id, account_id),
    constraint payer_share_basis_points_check check (basis_points between 1 and 10000)
);
create index payer_share_account on payer_share (account_id, id);

-- The lock on the member's row makes two who each change a share of his come after each other.
create function lock_payer_share_member() returns trigger language plpgsql as $$
begin
    perform from member
      where id in (case when tg_op <> 'INSERT' then old.member_id end, case when tg_op <> 'DELETE' then new.member_id end)
      order by id for no key update;
    return coalesce(new, old);
end $$;
create trigger payer_share_member_locked before insert or update or delete on payer_share
    for each row execute function lock_payer_share_member();

-- A6: the shares of a member are the whole, or there are none.
create function check_payer_shares(member uuid) returns void language plpgsql as $$
declare
    whole bigint;
begin
    select sum(basis_points) into whole from payer_share where member_id = member;
    if whole <> 10000 then
        raise exception 'the shares of member % are % basis points', member, whole
            using errcode = 'check_violation', constraint = 'payer_share_whole_check';
    end if;
end $$;
create function payer_share_written() returns trigger language plpgsql as $$
begin
    if tg_op <> 'DELETE' then
        perform check_payer_shares(new.member_id);
    end if;
    if tg_op <> 'INSERT' then
        perform check_payer_shares(old.member_id);
    end if;
    return null;
end $$;
create constraint trigger payer_share_whole after insert or update or delete on payer_share
    deferrable initially deferred for each row execute function payer_share_written();

create trigger payer_share_account_stands before insert or update of account_id on payer_share
    for each row execute function refuse_merged_account();

do $$
begin
    execute format('grant update, delete on payer_share to %I', current_schema() || '_rt');
end $$;
