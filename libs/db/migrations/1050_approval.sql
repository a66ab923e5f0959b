-- Approvals that were used, each once, in the transaction of the change that they allowed.
create table approval_used (
    id          uuid        not null,
    actor_id    uuid        not null,
    approver_id uuid        not null,
    action      text        not null,
    resource_id text        not null,
    used_at     timestamptz not null default now(),
    constraint approval_used_pkey primary key (id),
    constraint approval_used_approver_check check (approver_id <> actor_id)
);
create trigger approval_used_append_only before update or delete on approval_used
    for each row execute function refuse_change();
create trigger approval_used_no_truncate before truncate on approval_used
    for each statement execute function refuse_change();
