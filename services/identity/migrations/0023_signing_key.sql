-- The keys that sign access tokens. The private half is sealed, and destroyed when the key signs no more; the public
-- half is published from before the first token until after the last one.
create table signing_key (
    id         uuid        primary key,
    kid        text        not null,
    public_key text        not null,
    sealed     text,
    state      text        not null,
    created_at timestamptz not null default now(),
    signs_from timestamptz not null,
    retired_at timestamptz,
    constraint signing_key_kid_key unique (kid),
    constraint signing_key_state_check check (state in ('next', 'current', 'retiring', 'gone')),
    constraint signing_key_sealed_check check ((sealed is not null) = (state in ('next', 'current'))),
    constraint signing_key_retired_check check ((retired_at is not null) = (state in ('retiring', 'gone')))
);
create unique index signing_key_one_next on signing_key (state) where state = 'next';
create unique index signing_key_one_current on signing_key (state) where state = 'current';
grant update (sealed, state, signs_from, retired_at) on signing_key to identity_rt;
