-- The keys of sealed fields, each wrapped under the operator's FIELD_KEY. One per purpose is current; retired ones
-- still open what was sealed with them.
create table data_key (
    id         uuid        primary key,
    purpose    text        not null,
    wrapped    text        not null,
    created_at timestamptz not null default now(),
    retired_at timestamptz
);
create unique index data_key_current on data_key (purpose) where retired_at is null;

do $$
begin
    execute format('grant update (wrapped, retired_at) on data_key to %I', current_schema() || '_rt');
end $$;
