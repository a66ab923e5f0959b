-- Roles that a shop makes for itself. The registry of permissions and the roles of the system are the migrations' alone.

alter table role
    add column version    bigint      not null default 1,
    add column updated_at timestamptz not null default now();

grant update (name, version, updated_at) on role to identity_rt;
grant delete on role, role_permission to identity_rt;
revoke insert on permission from identity_rt;

create function keep_system_role() returns trigger language plpgsql as $$
begin
    if current_user = 'identity_rt' and (coalesce(old.is_system, false) or coalesce(new.is_system, false)) then
        raise exception 'a role of the system' using errcode = 'check_violation', constraint = 'role_system_check';
    end if;
    return coalesce(new, old);
end $$;
create trigger role_system before insert or update or delete on role
    for each row execute function keep_system_role();

create function keep_system_role_permission() returns trigger language plpgsql as $$
begin
    if current_user = 'identity_rt'
       and exists (select from role where id in (old.role_id, new.role_id) and is_system) then
        raise exception 'a role of the system' using errcode = 'check_violation', constraint = 'role_system_check';
    end if;
    return coalesce(new, old);
end $$;
create trigger role_permission_system before insert or update or delete on role_permission
    for each row execute function keep_system_role_permission();
