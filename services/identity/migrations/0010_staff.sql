-- Staff in all their states, each with a number; and somebody active may always do everything.

create sequence employee_number as bigint start 1001;

alter table app_user
    add column employee_number bigint not null default nextval('employee_number'),
    alter column password_hash drop not null,
    drop constraint app_user_state_check,
    add constraint app_user_state_check check (state in ('invited', 'active', 'disabled', 'archived')),
    add constraint app_user_password_check check (password_hash is not null or state <> 'active'),
    add constraint app_user_employee_number_key unique (employee_number);
alter sequence employee_number owned by app_user.employee_number;

-- An archived user gives his address back.
drop index app_user_email_key;
create unique index app_user_email_key on app_user (lower(email collate "C")) where state <> 'archived';

grant delete on user_role to identity_rt;

-- Whoever takes an active administrator away waits here for others who do, and then sees who is left.
create function expect_an_admin() returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('identity.last_admin', 7));
    if not exists (select
                     from user_role ur
                     join app_user u on u.id = ur.user_id
                    where ur.role_id = '01900000-0000-7000-9000-000000000001'
                      and u.state = 'active') then
        raise exception 'no administrator would be left'
              using errcode = 'check_violation', constraint = 'app_user_last_admin';
    end if;
end $$;

create function keep_an_active_admin() returns trigger language plpgsql as $$
begin
    if exists (select
                 from user_role
                where user_id = old.id
                  and role_id = '01900000-0000-7000-9000-000000000001') then
        perform expect_an_admin();
    end if;
    return null;
end $$;
create constraint trigger app_user_last_admin after update of state on app_user
    deferrable initially immediate for each row
    when (old.state = 'active' and new.state <> 'active') execute function keep_an_active_admin();

create function keep_an_admin_role() returns trigger language plpgsql as $$
begin
    if old.role_id = '01900000-0000-7000-9000-000000000001'
       and exists (select from app_user where id = old.user_id and state = 'active') then
        perform expect_an_admin();
    end if;
    return null;
end $$;
create constraint trigger user_role_last_admin after delete or update on user_role
    deferrable initially immediate for each row execute function keep_an_admin_role();
