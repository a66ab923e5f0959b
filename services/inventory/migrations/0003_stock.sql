-- Stock: what lies where and what it cost, and every movement that made it so.

-- One row per product and location, changed only together with the moves that explain the change.
create table stock_level (
    id          uuid           primary key,
    product_id  uuid           not null,
    location_id uuid           not null,
    on_hand     numeric(14, 4) not null default 0,
    -- Promised to reservations that are pending or confirmed.
    reserved    numeric(14, 4) not null default 0,
    -- What the units on hand cost, in minor units of the shop's currency.
    value       bigint         not null default 0,
    updated_at  timestamptz    not null default now(),
    constraint stock_level_key unique (product_id, location_id),
    constraint stock_level_product_id_fkey foreign key (product_id) references product (id),
    constraint stock_level_on_hand_check check (on_hand >= 0),
    constraint stock_level_reserved_check check (reserved between 0 and on_hand),
    constraint stock_level_value_check check (value >= 0),
    -- No cent may stay behind when the last unit is gone.
    constraint stock_level_empty_check check (on_hand <> 0 or value = 0)
) with (fillfactor = 70);
create index stock_level_location on stock_level (location_id);
grant update on stock_level to inventory_rt;

create table stock_move (
    id            uuid           primary key,
    product_id    uuid           not null,
    location_id   uuid           not null,
    kind          text           not null,
    -- Positive comes in, negative goes out; the value has the same sign.
    quantity      numeric(14, 4) not null,
    value         bigint         not null,
    on_hand_after numeric(14, 4) not null,
    value_after   bigint         not null,
    reason        text,
    note          text,
    source_kind   text           not null,
    source_id     uuid           not null,
    -- The line of the source; a sale's lines are added up per product and have none.
    line          smallint       not null default 0,
    created_at    timestamptz    not null default now(),
    -- Nothing is booked twice, however often it is told.
    constraint stock_move_source_key unique (source_id, source_kind, kind, product_id, location_id, line),
    constraint stock_move_level_fkey foreign key (product_id, location_id) references stock_level (product_id, location_id),
    constraint stock_move_kind_check check (kind in ('receipt', 'adjustment', 'sale', 'return')),
    constraint stock_move_quantity_check check (quantity <> 0),
    constraint stock_move_value_check check (value = 0 or (value > 0) = (quantity > 0)),
    constraint stock_move_after_check check (on_hand_after >= 0 and value_after >= 0),
    constraint stock_move_reason_check check ((reason is not null) = (kind = 'adjustment'))
);
create index stock_move_product on stock_move (product_id, created_at);
create index stock_move_created on stock_move (created_at, id);

create table stock_receipt (
    id          uuid        primary key,
    location_id uuid        not null,
    supplier    text,
    reference   text,
    value       bigint      not null,
    created_at  timestamptz not null default now(),
    constraint stock_receipt_value_check check (value >= 0)
);

create table stock_adjustment (
    id          uuid        primary key,
    location_id uuid        not null,
    reason      text        not null,
    note        text,
    value       bigint      not null,
    created_at  timestamptz not null default now(),
    constraint stock_adjustment_reason_check check (reason in ('count', 'damage', 'loss', 'found', 'shop_use'))
);

do $$
declare
    name text;
begin
    foreach name in array array['stock_move', 'stock_receipt', 'stock_adjustment'] loop
        execute format('create trigger %I before update or delete on %I for each row execute function refuse_change()',
                       name || '_append_only', name);
        execute format('create trigger %I before truncate on %I for each statement execute function refuse_change()',
                       name || '_no_truncate', name);
    end loop;
end $$;
