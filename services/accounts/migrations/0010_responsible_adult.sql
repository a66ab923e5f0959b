-- Who answers for whom (services.md §1.3, invariants A1 and A8).

-- Who is of age on a day was born on the day answered, or before; as `types::Majority::born_by` says. PostgreSQL takes the
-- 28th for the 29 February that a year does not have, and that is right in this direction.
create function of_age_born_by(today date, years integer, leap_day text) returns date
language sql immutable parallel safe as $$
    select case
        when leap_day = 'february_28' and to_char(today, 'MMDD') = '0228' and to_char(today + 1, 'MMDD') = '0301'
             and to_char(make_date(extract(year from today)::int - years, 3, 1) - 1, 'MMDD') = '0229'
        then make_date(extract(year from today)::int - years, 2, 29)
        else (today - make_interval(years => years))::date
    end
$$;

-- The same for now, where the shop is. The service says the day of its own clock; who writes beside it has the database's.
create function of_age_born_by() returns date language plpgsql stable as $$
declare
    said text := current_setting('accounts.of_age_born_by', true);
    shop record;
begin
    if said <> '' then
        return said::date;
    end if;
    select time_zone, majority_years, leap_day into shop from shop_copy;
    return of_age_born_by(
        (now() at time zone coalesce(shop.time_zone, 'UTC'))::date,
        coalesce(shop.majority_years, 18),
        coalesce(shop.leap_day, 'march_1')
    );
end $$;

-- What is known against the date of birth counts before it; an unknown date counts as under age.
create function is_under_age(born_on date, age_override text, born_by date) returns boolean
language sql immutable parallel safe as $$
    select case age_override when 'minor' then true when 'adult' then false else born_on is null or born_on > born_by end
$$;

alter table member
    add column age_override        text,
    add column age_override_reason text,
    add column age_override_by     uuid,
    add column age_override_name   text,
    add column age_override_at     timestamptz,
    -- Nobody has ever answered for this person. It ends with the first responsible adult and never begins again.
    add column awaits_adult        boolean not null default true,
    add constraint member_age_override_check check (age_override in ('minor', 'adult')),
    add constraint member_age_override_reason_check check (length(age_override_reason) between 1 and 500),
    add constraint member_age_override_whole_check check (
        num_nulls(age_override, age_override_reason, age_override_name, age_override_at) in (0, 4)
    ),
    add constraint member_account_key unique (id, account_id);

create index member_awaiting on member (sort_name, id) include (born_on, age_override)
 where state = 'active' and awaits_adult;

create table responsible_adult (
    id         uuid        primary key,
    member_id  uuid        not null,
    adult_id   uuid        not null,
    powers     text[]      not null,
    relation   text,
    state      text        not null default 'active',
    ended_at   timestamptz,
    version    bigint      not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint responsible_adult_member_id_fkey foreign key (member_id) references member (id),
    constraint responsible_adult_adult_id_fkey foreign key (adult_id) references member (id),
    constraint responsible_adult_self_check check (member_id <> adult_id),
    constraint responsible_adult_powers_check check (
        cardinality(powers) >= 1 and powers <@ array['pickup', 'portal', 'consent', 'pay']
    ),
    constraint responsible_adult_relation_check check (length(relation) between 1 and 50),
    constraint responsible_adult_state_check check (state in ('active', 'ended')),
    constraint responsible_adult_ended_at_check check ((state = 'ended') = (ended_at is not null))
);
create unique index responsible_adult_pair_key on responsible_adult (member_id, adult_id) where state = 'active';
create index responsible_adult_member on responsible_adult (member_id, created_at, id);
create index responsible_adult_adult on responsible_adult (adult_id, created_at, id);

-- A live person under age for whom somebody has once answered is never without a live adult who does. The lock on the
-- minor's row makes two who each take away one of the last two come after each other.
create function keep_responsible_adult(minor uuid) returns void language plpgsql as $$
declare
    born_by date := of_age_born_by();
    person record;
begin
    select state, awaits_adult, is_under_age(born_on, age_override, born_by) as under_age, account_id
      into person from member where id = minor for update;
    if person.state <> 'active' or person.awaits_adult or not person.under_age then
        return;
    end if;
    if not exists (
        select from responsible_adult r join member a on a.id = r.adult_id
         where r.member_id = minor and r.state = 'active' and a.state = 'active'
           and not is_under_age(a.born_on, a.age_override, born_by)
    ) then
        raise exception 'minor % has no responsible adult', minor
            using errcode = 'check_violation', constraint = 'member_responsible_adult_check';
    end if;
end $$;

-- The adult of a new link is locked, so that he is not archived and does not become younger meanwhile.
create function check_responsible_adult() returns trigger language plpgsql as $$
declare
    adult record;
begin
    if new.state = 'active' then
        select state, is_under_age(born_on, age_override, of_age_born_by()) as under_age
          into adult from member where id = new.adult_id for share;
        if adult.state <> 'active' or adult.under_age then
            raise exception 'member % is no live adult', new.adult_id
                using errcode = 'check_violation', constraint = 'responsible_adult_adult_check';
        end if;
        update member set awaits_adult = false where id = new.member_id and awaits_adult;
    end if;
    perform keep_responsible_adult(new.member_id);
    if tg_op = 'UPDATE' and old.member_id <> new.member_id then
        perform keep_responsible_adult(old.member_id);
    end if;
    return null;
end $$;
create constraint trigger responsible_adult_written after insert or update on responsible_adult
    deferrable initially deferred for each row execute function check_responsible_adult();

create function check_member_responsible() returns trigger language plpgsql as $$
declare
    minor uuid;
begin
    perform keep_responsible_adult(new.id);
    for minor in
        select member_id from responsible_adult where adult_id = new.id and state = 'active' order by member_id
    loop
        perform keep_responsible_adult(minor);
    end loop;
    -- Who moves to another account does not leave there a minor for whom nobody of that account answers any more.
    if new.account_id <> old.account_id then
        for minor in
            select r.member_id from responsible_adult r join member m on m.id = r.member_id
             where r.adult_id = new.id and r.state = 'active' and m.state = 'active' and m.account_id = old.account_id
               and m.account_id <> (select account_id from member where id = new.id)
               and is_under_age(m.born_on, m.age_override, of_age_born_by())
             order by r.member_id
        loop
            perform from member where id = minor for update;
            if not exists (
                select from responsible_adult r join member a on a.id = r.adult_id
                 where r.member_id = minor and r.state = 'active' and a.state = 'active'
                   and a.account_id = old.account_id and not is_under_age(a.born_on, a.age_override, of_age_born_by())
            ) then
                raise exception 'minor % would stay alone on the account', minor
                    using errcode = 'check_violation', constraint = 'member_responsible_adult_check';
            end if;
        end loop;
    end if;
    return null;
end $$;
create constraint trigger member_changed_age after update on member
    deferrable initially deferred for each row
    when ((old.state, old.born_on, old.age_override, old.awaits_adult, old.account_id)
          is distinct from (new.state, new.born_on, new.age_override, new.awaits_adult, new.account_id))
    execute function check_member_responsible();

create function check_new_member() returns trigger language plpgsql as $$
begin
    perform keep_responsible_adult(new.id);
    return null;
end $$;
create constraint trigger member_added after insert on member
    deferrable initially deferred for each row when (not new.awaits_adult) execute function check_new_member();

create function refuse_awaiting_again() returns trigger language plpgsql as $$
begin
    raise exception 'somebody has answered for member % already', new.id
        using errcode = 'check_violation', constraint = 'member_awaits_adult_check';
end $$;
create trigger member_awaits_once before update on member
    for each row when (new.awaits_adult and not old.awaits_adult) execute function refuse_awaiting_again();

do $$
begin
    execute format('grant update on responsible_adult to %I', current_schema() || '_rt');
end $$;
