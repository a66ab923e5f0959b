-- An import is given up while it is checked, and when it failed.

create or replace function guard_account_import() returns trigger language plpgsql as $$
begin
    if new.state <> old.state and (old.state, new.state) not in (
        ('open', 'uploaded'), ('uploaded', 'checking'), ('checking', 'checked'), ('checking', 'rejected'),
        ('checked', 'publishing'), ('publishing', 'published'), ('publishing', 'failed'), ('checking', 'failed'),
        ('open', 'discarded'), ('uploaded', 'discarded'), ('checking', 'discarded'), ('checked', 'discarded'),
        ('failed', 'discarded')
    ) then
        raise exception 'an import does not go from % to %', old.state, new.state
            using errcode = 'check_violation', constraint = 'account_import_transition_check';
    end if;
    return new;
end $$;
