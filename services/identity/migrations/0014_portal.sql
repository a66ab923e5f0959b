-- Customers who sign in, and what accounts told of them. A copy holds as much as signing in needs.
create table member_copy (
    id         uuid    primary key,
    version    bigint  not null,
    account_id uuid    not null,
    first_name text    not null,
    last_name  text    not null,
    email      text,
    is_minor   boolean not null,
    is_active  boolean not null
);
create index member_copy_account on member_copy (account_id);

create table account_copy (
    id        uuid    primary key,
    version   bigint  not null,
    is_active boolean not null
);

-- Who may act for whom in the portal.
create table guardian_copy (
    id        uuid    primary key,
    version   bigint  not null,
    member_id uuid    not null,
    adult_id  uuid    not null,
    in_portal boolean not null
);
create index guardian_copy_member on guardian_copy (member_id);
create index guardian_copy_adult on guardian_copy (adult_id);

grant update on member_copy, account_copy, guardian_copy to identity_rt;

-- Somebody signs in as staff or as a customer, and never as the other.
alter table app_user
    add column kind      text not null default 'staff',
    add column member_id uuid,
    alter column employee_number drop not null,
    add constraint app_user_kind_check check (kind in ('staff', 'portal')),
    add constraint app_user_member_check check ((kind = 'portal') = (member_id is not null)),
    add constraint app_user_number_check check ((kind = 'staff') = (employee_number is not null)),
    add constraint app_user_member_id_fkey foreign key (member_id) references member_copy (id),
    add constraint app_user_kind_key unique (id, kind);
create unique index app_user_member_key on app_user (member_id) where state <> 'archived';

create function keep_kind() returns trigger language plpgsql as $$
begin
    raise exception 'a user stays what he is' using errcode = 'check_violation', constraint = 'app_user_kind_fixed';
end $$;
create trigger app_user_kind_fixed before update of kind on app_user
    for each row when (old.kind <> new.kind) execute function keep_kind();

-- Roles are for the staff alone.
alter table user_role
    add column kind text not null default 'staff',
    add constraint user_role_kind_check check (kind = 'staff'),
    add constraint user_role_staff_fkey foreign key (user_id, kind) references app_user (id, kind);
