-- What is charged on what a location sells of a tax category.
create table tax_rate (
    id           uuid         primary key,
    location_id  uuid         not null,
    tax_category text         not null check (tax_category ~ '^[a-z][a-z0-9_]{0,39}$'),
    name         text         not null check (length(name) between 1 and 100),
    rate         numeric(9,6) not null check (rate > -100),
    included     boolean      not null,
    position     integer      not null,
    compounds    boolean      not null,
    state        text         not null default 'active' check (state in ('active', 'retired')),
    version      bigint       not null default 1,
    created_at   timestamptz  not null default now(),
    updated_at   timestamptz  not null default now()
);
-- A tax of one name is charged once.
create unique index tax_rate_name_key on tax_rate (location_id, tax_category, lower(name)) where state = 'active';
grant update on tax_rate to ledger_rt;
