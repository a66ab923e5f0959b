-- Reservations: stock promised to sales. These rows are the truth; `stock_level.reserved` is their sum.

create table reservation (
    id          uuid        primary key,
    source_kind text        not null,
    source_id   uuid        not null,
    location_id uuid        not null,
    state       text        not null,
    -- The source was reversed: nothing is promised to it or issued for it ever again.
    closed      boolean     not null default false,
    expires_at  timestamptz not null,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    constraint reservation_source_kind_check check (source_kind in ('sale')),
    constraint reservation_state_check check (state in ('pending', 'confirmed', 'posted', 'voided', 'expired'))
) with (fillfactor = 80);
-- A source has one promise at a time, is served once and reversed once. Those that came to nothing may be many.
create unique index reservation_live_key on reservation (source_kind, source_id)
    where state in ('pending', 'confirmed', 'posted') or closed;
create index reservation_source on reservation (source_id);
create index reservation_overdue on reservation (expires_at) where state = 'pending';
create index reservation_created on reservation (created_at, id);
grant update on reservation to inventory_rt;

-- A product's row is not checked here: a line is only written together with the stock level that it holds.
create table reservation_line (
    reservation_id uuid           not null,
    product_id     uuid           not null,
    quantity       numeric(14, 4) not null,
    primary key (reservation_id, product_id),
    constraint reservation_line_reservation_id_fkey foreign key (reservation_id) references reservation (id),
    constraint reservation_line_quantity_check check (quantity > 0)
);
