-- What pos heard from others and needs at the counter. The newest version wins.

create table tax_rate_copy (
    id           uuid          primary key,
    version      bigint        not null,
    location_id  uuid          not null,
    tax_category text          not null,
    name         text          not null,
    rate         numeric(9, 6) not null,
    included     boolean       not null,
    position     integer       not null,
    compounds    boolean       not null,
    active       boolean       not null
);
create index tax_rate_copy_location on tax_rate_copy (location_id) where active;

create table account_copy (
    id      uuid    primary key,
    version bigint  not null,
    number  text    not null,
    name    text    not null,
    active  boolean not null
);

create table member_copy (
    id         uuid    primary key,
    version    bigint  not null,
    account_id uuid    not null,
    name       text    not null,
    active     boolean not null
);

grant update on tax_rate_copy, account_copy, member_copy to pos_rt;
