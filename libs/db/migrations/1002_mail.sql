-- Mail that is to be sent, written in the transaction of what it tells. A letter may hold a link that opens an account:
-- nothing of its text is left once it was sent or given up.
create table mail (
    id              uuid        primary key,
    kind            text        not null,
    recipient       text        not null,
    subject         text        not null,
    body            text,
    html            text,
    request_id      text        not null,
    created_at      timestamptz not null default now(),
    attempts        integer     not null default 0,
    next_attempt_at timestamptz not null default now(),
    sent_at         timestamptz,
    parked_at       timestamptz,
    last_error      text,
    constraint mail_ended_check check (sent_at is null or parked_at is null),
    constraint mail_secret_check check ((sent_at is null and parked_at is null) or (body is null and html is null))
);
create index mail_waiting on mail (next_attempt_at) where sent_at is null and parked_at is null;
create index mail_parked on mail (parked_at) where parked_at is not null;
create index mail_sent on mail (sent_at) where sent_at is not null;

do $$
begin
    execute format('grant update, delete on mail to %I', current_schema() || '_rt');
end $$;
