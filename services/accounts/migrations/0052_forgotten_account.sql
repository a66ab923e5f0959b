-- An account is forgotten with its people, also when it was merged into another.

create or replace function keep_merged_account() returns trigger language plpgsql as $$
begin
    if old.state = 'merged' and new.state = 'merged' then
        -- A tombstone may lose its name and all that goes with it, and nothing else.
        if new.name = 'Account ' || new.number and new.tags = '{}'
           and num_nonnulls(new.email, new.phone, new.phone_e164, new.address, new.notes, new.primary_member_id) = 0
           and (new.number, new.kind, new.merged_into, new.billing_mode, new.member_count, new.created_at)
               = (old.number, old.kind, old.merged_into, old.billing_mode, old.member_count, old.created_at)
        then
            return new;
        end if;
        raise exception 'a merged account does not change'
            using errcode = 'check_violation', constraint = 'account_merged_final_check';
    end if;
    if new.state = 'merged' then
        perform from account where id = new.id for update;
        perform from account where id = new.merged_into and state = 'active' for share;
        if not found then
            raise exception 'an account is merged into one that stands'
                using errcode = 'check_violation', constraint = 'account_merged_into_check';
        end if;
    end if;
    return new;
end $$;

do $$
begin
    execute format('grant update (reason) on account_merge to %I', current_schema() || '_rt');
end $$;
