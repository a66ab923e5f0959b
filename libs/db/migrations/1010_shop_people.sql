-- The shop's country and when people come of age, as identity tells them.
alter table shop_copy
    add column country              text    not null default 'US',
    add column majority_years       integer not null default 18,
    add column online_consent_years integer not null default 13,
    add column leap_day             text    not null default 'march_1';
