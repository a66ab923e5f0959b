-- Who pays no tax, and until when.
create table tax_exemption (
    id                 uuid        primary key,
    account_id         uuid        not null,
    state              text        not null default 'pending',
    reason             text        not null,
    certificate_number text,
    -- The last day on which it holds.
    expires_on         date,
    requested_by       uuid,
    requested_by_name  text        not null,
    approved_by        uuid,
    approved_by_name   text,
    approved_at        timestamptz,
    -- When it last ran out; it waits for a new certificate since then.
    expired_at         timestamptz,
    revoked_by         uuid,
    revoked_by_name    text,
    revoked_at         timestamptz,
    revoked_because    text,
    version            bigint      not null default 1,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    constraint tax_exemption_account_id_fkey foreign key (account_id) references account (id),
    constraint tax_exemption_state_check check (state in ('pending', 'approved', 'revoked')),
    constraint tax_exemption_reason_check check (length(reason) between 1 and 500),
    constraint tax_exemption_certificate_number_check check (length(certificate_number) between 1 and 100),
    constraint tax_exemption_approved_check check (
        state <> 'approved' or num_nulls(certificate_number, expires_on, approved_by_name, approved_at) = 0
    ),
    constraint tax_exemption_pending_check check (state <> 'pending' or num_nonnulls(approved_by_name, approved_at) = 0),
    constraint tax_exemption_revoked_check check (
        case state when 'revoked' then num_nulls(revoked_by_name, revoked_at, revoked_because) = 0
                   else num_nonnulls(revoked_by_name, revoked_at, revoked_because) = 0 end
    )
);
-- One that waits or holds per account.
create unique index tax_exemption_live_key on tax_exemption (account_id) where state in ('pending', 'approved');
create index tax_exemption_account on tax_exemption (account_id, created_at, id);
create index tax_exemption_ending on tax_exemption (expires_on) where state = 'approved';

do $$
begin
    execute format('grant update on tax_exemption to %I', current_schema() || '_rt');
end $$;
