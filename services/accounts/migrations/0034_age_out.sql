-- Who came of age, once each; and up to which date of birth everybody was looked at.

create table came_of_age (
    member_id  uuid        primary key references member (id),
    noticed_on date        not null,
    created_at timestamptz not null default now()
);

create table age_out_mark (
    one     boolean primary key default true check (one),
    -- Who was born on that day or before was looked at.
    born_by date    not null
);

create index member_born on member (born_on, id) where state = 'active' and born_on is not null;

-- What was written beside a decision goes when somebody is forgotten; the decision itself stays as it is.
create or replace function refuse_consent_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.note is null and new.client_ip is null
       and to_jsonb(new) - '{note,client_ip}'::text[] = to_jsonb(old) - '{note,client_ip}'::text[]
    then
        return new;
    end if;
    raise exception 'consent_step is append-only' using errcode = 'restrict_violation';
end $$;
drop trigger consent_step_append_only on consent_step;
create trigger consent_step_append_only before update or delete on consent_step
    for each row execute function refuse_consent_change();

do $$
declare
    rt text := current_schema() || '_rt';
begin
    execute format('grant update on age_out_mark to %I', rt);
    execute format('grant update (note, client_ip) on consent_step to %I', rt);
end $$;
