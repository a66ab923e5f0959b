-- Every live session refers to the credentials that its user has now (I4). A change of password or factor counts the
-- version up: the sessions that are kept follow it, and none can begin with what was right before.
alter table app_user
    add column credential_version bigint not null default 1,
    add constraint app_user_credential_key unique (id, credential_version);

alter table session
    add column credential_version bigint,
    add constraint session_credential_fkey foreign key (user_id, credential_version)
        references app_user (id, credential_version) on update cascade;
create index session_credential on session (user_id, credential_version);

create function session_follows_credential() returns trigger language plpgsql as $$
begin
    if new.ended_at is not null then
        new.credential_version := null;
    elsif new.credential_version is null then
        select u.credential_version into new.credential_version from app_user u where u.id = new.user_id;
    end if;
    return new;
end $$;
create trigger session_credential before insert or update on session
    for each row execute function session_follows_credential();

update session set credential_version = null;
alter table session add constraint session_credential_check check ((ended_at is null) = (credential_version is not null));
