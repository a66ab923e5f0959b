create table register (
    id          uuid        primary key,
    location_id uuid        not null,
    name        text        not null check (length(name) between 1 and 100),
    version     bigint      not null default 1,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    constraint register_name_key unique (location_id, name)
);

create table drawer_session (
    id             uuid        primary key,
    register_id    uuid        not null,
    location_id    uuid        not null,
    state          text        not null default 'open',
    opening_float  bigint      not null,
    expected_cash  bigint,
    counted_cash   bigint,
    opened_by      uuid        not null,
    opened_by_name text        not null,
    closed_by      uuid,
    note           text,
    business_on    date        not null,
    version        bigint      not null default 1,
    opened_at      timestamptz not null,
    closed_at      timestamptz,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    constraint drawer_session_register_id_fkey foreign key (register_id) references register (id),
    constraint drawer_session_state_check check (state in ('open', 'closed')),
    constraint drawer_session_float_check check (opening_float >= 0),
    constraint drawer_session_count_check check (counted_cash >= 0),
    constraint drawer_session_closed_check check (
        (state = 'closed') = (counted_cash is not null and expected_cash is not null and closed_at is not null and closed_by is not null)
    )
);
-- A register has at most one open drawer.
create unique index drawer_session_open_key on drawer_session (register_id) where state = 'open';
create index drawer_session_opened on drawer_session (opened_at, id);

grant update on register, drawer_session to pos_rt;

-- A closed session is final.
create function keep_closed_session() returns trigger language plpgsql as $$
begin
    if old.state = 'closed' then
        raise exception 'a closed drawer session is final' using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
create trigger drawer_session_final before update on drawer_session for each row execute function keep_closed_session();
