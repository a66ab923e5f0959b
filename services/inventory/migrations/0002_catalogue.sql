-- The catalogue: a tree of categories, and the products in it.

create table category (
    id         uuid        primary key,
    name       text        not null,
    parent_id  uuid,
    sort_order integer     not null default 0,
    -- The names from the root down; kept with every change of a name or a place.
    path       text        not null,
    version    bigint      not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint category_parent_id_fkey foreign key (parent_id) references category (id),
    constraint category_name_check check (length(name) between 1 and 100),
    constraint category_parent_check check (parent_id <> id),
    constraint category_path_check check (length(path) <= 2000)
);
create index category_parent on category (parent_id);
create index category_name on category (lower(name), id);
grant update on category to inventory_rt;

create table product (
    id           uuid        primary key,
    sku          text        not null,
    barcode      text,
    name         text        not null,
    description  text,
    category_id  uuid,
    kind         text        not null,
    tax_category text        not null,
    -- Of one unit, in minor units of the shop's currency.
    price        bigint      not null,
    state        text        not null default 'active',
    version      bigint      not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    -- What a search looks through; the line breaks keep a text from matching across fields.
    search_text  text        not null generated always as (name || E'\n' || sku || E'\n' || coalesce(barcode, '')) stored,
    constraint product_barcode_key unique (barcode),
    constraint product_category_id_fkey foreign key (category_id) references category (id),
    constraint product_sku_check check (length(sku) between 1 and 64),
    constraint product_name_check check (length(name) between 1 and 200),
    constraint product_kind_check check (kind in ('stock', 'service')),
    constraint product_price_check check (price >= 0),
    constraint product_state_check check (state in ('active', 'discontinued'))
);
-- The same SKU in other letters is the same SKU.
create unique index product_sku_key on product (lower(sku));
create index product_name on product (lower(name), id);
create index product_category on product (category_id);
create index product_search on product using gin (search_text gin_trgm_ops);
grant update on product to inventory_rt;
