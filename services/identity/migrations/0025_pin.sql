-- Who stands at a till: known by a number and a PIN, on a till where somebody signed in fully today.
create table pin (
    user_id    uuid        primary key,
    hash       text        not null,
    failures   integer     not null default 0,
    since      timestamptz not null,
    created_at timestamptz not null default now(),
    constraint pin_user_fkey foreign key (user_id) references app_user,
    constraint pin_failures_check check (failures between 0 and 5)
);
grant update, delete on pin to identity_rt;

create table till (
    device_id     uuid        primary key,
    trusted_until timestamptz not null,
    failures      integer     not null default 0,
    since         timestamptz not null,
    constraint till_failures_check check (failures between 0 and 5)
);
create index till_trusted on till (trusted_until);
grant update, delete on till to identity_rt;

alter table session
    add column kind text not null default 'full',
    add constraint session_kind_check check (kind in ('full', 'till'));

alter table shop
    add column till_lock_minutes integer not null default 2,
    add constraint shop_till_lock_check check (till_lock_minutes between 1 and 240);
grant update (till_lock_minutes) on shop to identity_rt;
