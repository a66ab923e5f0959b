-- The shop's profile: one row.
create table shop (
    one                       boolean     primary key default true,
    id                        uuid        not null,
    name                      text        not null,
    currency                  text        not null,
    currency_digits           integer     not null,
    time_zone                 text        not null,
    tax_rounding              text        not null,
    cash_rounding_minor_units integer     not null,
    receipt_footer            text,
    version                   bigint      not null default 1,
    created_at                timestamptz not null default now(),
    updated_at                timestamptz not null default now(),
    constraint shop_one_check check (one),
    constraint shop_id_key unique (id),
    constraint shop_name_check check (length(name) between 1 and 200),
    constraint shop_currency_check check (currency ~ '^[A-Z]{3}$'),
    constraint shop_currency_digits_check check (currency_digits in (0, 2, 3)),
    constraint shop_tax_rounding_check check (tax_rounding in ('line', 'document')),
    constraint shop_cash_rounding_check check (cash_rounding_minor_units between 1 and 1000)
);
-- The currency is left out: what was booked in one currency is never read in another.
grant update (name, time_zone, tax_rounding, cash_rounding_minor_units, receipt_footer, version, updated_at)
   on shop to identity_rt;

create table location (
    id         uuid        primary key,
    name       text        not null,
    address    jsonb,
    time_zone  text,
    version    bigint      not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint location_name_check check (length(name) between 1 and 100)
);
create unique index location_name_key on location (lower(name));
grant update on location to identity_rt;
