-- By what members showed who they are. The number is sealed; equal numbers have equal blind indexes.

create table identity_document (
    id           uuid        primary key,
    member_id    uuid        not null,
    kind         text        not null,
    sealed       text        not null,
    blind        text        not null,
    number_end   text        not null,
    issuer       text,
    expires_on   date,
    state        text        not null default 'active',
    version      bigint      not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    constraint identity_document_member_id_fkey foreign key (member_id) references member (id),
    constraint identity_document_kind_check check (kind in
        ('driving_licence', 'passport', 'school_id', 'national_id', 'other')),
    constraint identity_document_sealed_check check (sealed like 'v1|%'),
    constraint identity_document_number_key unique (member_id, kind, blind),
    constraint identity_document_number_end_check check (length(number_end) between 1 and 4),
    constraint identity_document_issuer_check check (length(issuer) between 1 and 100),
    constraint identity_document_state_check check (state in ('active', 'expired'))
);
create index identity_document_member on identity_document (member_id, created_at, id);
create index identity_document_expiring on identity_document (expires_on) where state = 'active';

do $$
begin
    execute format('grant update, delete on identity_document to %I', current_schema() || '_rt');
end $$;
