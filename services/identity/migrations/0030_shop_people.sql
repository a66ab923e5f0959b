-- Where the shop is, and when people come of age there.
alter table shop
    add column country              text    not null default 'US',
    add column majority_years       integer not null default 18,
    add column online_consent_years integer not null default 13,
    add column leap_day             text    not null default 'march_1',
    add constraint shop_country_check check (country ~ '^[A-Z]{2}$'),
    add constraint shop_majority_years_check check (majority_years between 14 and 25),
    add constraint shop_online_consent_years_check check (online_consent_years between 10 and 25),
    add constraint shop_leap_day_check check (leap_day in ('march_1', 'february_28'));
grant update (country, majority_years, online_consent_years, leap_day) on shop to identity_rt;
