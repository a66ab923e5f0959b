-- What people consent to, and what became of it (services.md §1.4). Rows are only ever added: the last step is the state.

create table consent_document (
    id                uuid        primary key,
    type              text        not null,
    version           integer     not null,
    title             text        not null,
    body              text        not null,
    -- SHA-256 of the body, in hexadecimal: what was shown.
    body_sha256       text        not null,
    -- A consent holds this long, when it ends by itself.
    valid_days        integer,
    published_by      uuid,
    published_by_name text        not null,
    created_at        timestamptz not null default now(),
    constraint consent_document_version_key unique (type, version),
    constraint consent_document_type_check check (type ~ '^[a-z][a-z0-9_]{1,39}$'),
    constraint consent_document_version_check check (version >= 1),
    constraint consent_document_title_check check (length(title) between 1 and 200),
    constraint consent_document_body_check check (length(body) between 1 and 100000),
    constraint consent_document_sha256_check check (body_sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex')),
    constraint consent_document_valid_days_check check (valid_days between 1 and 36500)
);

create table consent (
    id         uuid        primary key,
    member_id  uuid        not null,
    type       text        not null,
    created_at timestamptz not null default now(),
    constraint consent_member_id_fkey foreign key (member_id) references member (id)
);
create index consent_member on consent (member_id, type);

create table consent_step (
    consent_id       uuid        not null,
    number           integer     not null,
    state            text        not null,
    document_id      uuid        not null,
    -- Who decided, and whether for somebody under age.
    grantor_id       uuid,
    on_behalf        boolean     not null default false,
    expires_on       date,
    note             text,
    recorded_by      uuid,
    recorded_by_name text        not null,
    client_ip        text,
    created_at       timestamptz not null default now(),
    constraint consent_step_pkey primary key (consent_id, number),
    constraint consent_step_consent_id_fkey foreign key (consent_id) references consent (id),
    constraint consent_step_document_id_fkey foreign key (document_id) references consent_document (id),
    constraint consent_step_grantor_id_fkey foreign key (grantor_id) references member (id),
    constraint consent_step_number_check check (number >= 1),
    constraint consent_step_state_check check (
        state in ('requested', 'granted', 'declined', 'withdrawn', 'superseded', 'expired', 'outgrown')
    ),
    constraint consent_step_decided_check check (
        (grantor_id is not null) = (state in ('granted', 'declined', 'withdrawn'))
    ),
    constraint consent_step_note_check check (length(note) between 1 and 500)
);
create index consent_step_ending on consent_step (expires_on) where state = 'granted' and expires_on is not null;
create index consent_step_on_behalf on consent_step (consent_id) where state = 'granted' and on_behalf;

create view consent_now as
select c.id, c.member_id, c.type, s.number, s.state, s.document_id, s.grantor_id, s.on_behalf, s.expires_on,
       c.created_at, s.created_at as updated_at
  from consent c
  join lateral (
    select number, state, document_id, grantor_id, on_behalf, expires_on, created_at
      from consent_step
     where consent_id = c.id
     order by number desc
     limit 1
  ) s on true;

-- One consent of a type is open at a time; the lock on the member's row makes two requests come after each other.
create function check_new_consent() returns trigger language plpgsql as $$
begin
    perform from member where id = new.member_id for update;
    if exists (
        select from consent_now
         where member_id = new.member_id and type = new.type and state in ('requested', 'granted')
    ) then
        raise exception 'member % has an open consent %', new.member_id, new.type
            using errcode = 'unique_violation', constraint = 'consent_open_key';
    end if;
    return new;
end $$;
create trigger consent_added before insert on consent for each row execute function check_new_consent();

-- Whether somebody may decide for a member: for who is under age a live responsible adult with the power to consent, for
-- who is of age only he himself.
create function may_consent(grantor uuid, subject uuid) returns boolean language plpgsql stable as $$
declare
    born_by date := of_age_born_by();
begin
    if exists (select from member where id = subject and not is_under_age(born_on, age_override, born_by)) then
        return grantor = subject;
    end if;
    return exists (
        select from responsible_adult r join member a on a.id = r.adult_id
         where r.member_id = subject and r.adult_id = grantor and r.state = 'active' and 'consent' = any (r.powers)
           and a.state = 'active' and not is_under_age(a.born_on, a.age_override, born_by)
    );
end $$;

create function check_consent_step() returns trigger language plpgsql as $$
declare
    subject uuid;
    before record;
begin
    select member_id into subject from consent where id = new.consent_id;
    perform from member where id = subject for update;
    select number, state, document_id, grantor_id into before
      from consent_step where consent_id = new.consent_id order by number desc limit 1;
    if new.number <> coalesce(before.number, 0) + 1
       or (coalesce(before.state, ''), new.state) not in (
           ('', 'requested'), ('requested', 'requested'), ('requested', 'granted'), ('requested', 'declined'),
           ('granted', 'withdrawn'), ('granted', 'superseded'), ('granted', 'expired'), ('granted', 'outgrown')
       )
    then
        raise exception 'consent % does not go from % to %', new.consent_id, before.state, new.state
            using errcode = 'check_violation', constraint = 'consent_step_transition_check';
    end if;
    if new.state in ('granted', 'declined') and not may_consent(new.grantor_id, subject)
       or new.state = 'withdrawn' and new.grantor_id <> before.grantor_id
          and not (new.grantor_id = subject and may_consent(subject, subject))
    then
        raise exception '% may not decide for %', new.grantor_id, subject
            using errcode = 'check_violation', constraint = 'consent_step_grantor_check';
    end if;
    return new;
end $$;
create trigger consent_step_added before insert on consent_step for each row execute function check_consent_step();

create trigger consent_document_append_only before update or delete on consent_document
    for each row execute function refuse_change();
create trigger consent_document_no_truncate before truncate on consent_document
    for each statement execute function refuse_change();
create trigger consent_append_only before update or delete on consent for each row execute function refuse_change();
create trigger consent_no_truncate before truncate on consent for each statement execute function refuse_change();
create trigger consent_step_append_only before update or delete on consent_step
    for each row execute function refuse_change();
create trigger consent_step_no_truncate before truncate on consent_step
    for each statement execute function refuse_change();
