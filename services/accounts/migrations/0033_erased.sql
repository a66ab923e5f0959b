-- People who were forgotten: their names are their numbers, and stay so.

alter table member
    add column erased_at timestamptz,
    add constraint member_erased_check check (erased_at is null or (
        state = 'archived' and first_name = 'Member' and last_name = number::text
        and num_nonnulls(email, phone, born_on) = 0
    ));

create function refuse_erased() returns trigger language plpgsql as $$
begin
    raise exception 'member % was erased', old.id
        using errcode = 'restrict_violation', constraint = 'member_erased_forever_check';
end $$;
create trigger member_erased_forever before update on member
    for each row when (old.erased_at is not null and new.erased_at is distinct from old.erased_at)
    execute function refuse_erased();

-- Answers that are kept for repeated requests are found by the id that they hold.
create function forget_answers(about text) returns void language sql as $$
    update idempotency set response = '' where position(about::bytea in response) > 0
$$;
