-- Whoever is forgotten counts as nothing against a date of birth that nobody knows any more.

update member
   set age_override = null, age_override_reason = null, age_override_by = null, age_override_name = null,
       age_override_at = null
 where erased_at is not null and age_override is not null;
-- What the triggers still have to check is checked now; a table does not change before.
set constraints all immediate;

alter table member
    drop constraint member_erased_check,
    add constraint member_erased_check check (erased_at is null or (
        state = 'archived' and first_name = 'Member' and last_name = number::text
        and num_nonnulls(email, phone, born_on, age_override) = 0
    ));

-- A request whose answer was forgotten is not answered as if it had said nothing: its key is refused.
create or replace function forget_answers(about text) returns void language sql as $$
    update idempotency set response = null where position(about::bytea in response) > 0
$$;
