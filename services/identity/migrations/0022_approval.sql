-- Leave that one person gave another to do one thing once. Whether it was used, the service knows that does it.
create table approval (
    id          uuid        primary key,
    actor_id    uuid        not null,
    approver_id uuid        not null,
    action      text        not null,
    resource_id text        not null,
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,
    constraint approval_actor_fkey foreign key (actor_id) references app_user,
    constraint approval_approver_fkey foreign key (approver_id) references app_user,
    constraint approval_approver_check check (approver_id <> actor_id)
);
create trigger approval_append_only before update or delete on approval
    for each row execute function refuse_change();
create trigger approval_no_truncate before truncate on approval
    for each statement execute function refuse_change();
