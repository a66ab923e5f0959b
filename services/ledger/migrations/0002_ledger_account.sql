-- The chart of accounts. It comes with the migrations; the runtime role only reads it.
create table ledger_account (
    id         uuid        primary key,
    code       text        not null check (code ~ '^[0-9]{4}$'),
    name       text        not null check (length(name) between 1 and 100),
    kind       text        not null check (kind in ('asset', 'liability', 'equity', 'revenue', 'expense')),
    control_of text        check (length(control_of) between 1 and 40),
    created_at timestamptz not null default now(),
    constraint ledger_account_code_key unique (code),
    constraint ledger_account_control_of_key unique (control_of)
);
revoke insert on ledger_account from ledger_rt;

insert into ledger_account (id, code, name, kind, control_of)
select ('01900000-0000-7000-9000-00000000' || code)::uuid, code, name, kind, control_of
  from (values
    ('1000', 'Cash in safe', 'asset', null),
    ('1010', 'Cash in drawers', 'asset', 'drawer_cash'),
    ('1050', 'Card clearing', 'asset', null),
    ('1100', 'Bank', 'asset', null),
    ('1200', 'Accounts receivable', 'asset', null),
    ('1300', 'Inventory', 'asset', 'inventory'),
    ('2000', 'Accounts payable', 'liability', null),
    ('2050', 'Goods received, not invoiced', 'liability', null),
    ('2100', 'Sales tax payable', 'liability', null),
    ('2200', 'Gift cards outstanding', 'liability', null),
    ('2250', 'Store credit outstanding', 'liability', null),
    ('2300', 'Customer deposits', 'liability', null),
    ('2400', 'Deferred revenue', 'liability', null),
    ('3000', 'Owner''s equity', 'equity', null),
    ('3900', 'Retained earnings', 'equity', null),
    ('4000', 'Sales of goods', 'revenue', null),
    ('4100', 'Service revenue', 'revenue', null),
    ('5000', 'Cost of goods sold', 'expense', null),
    ('5100', 'Inventory shrink and damage', 'expense', null),
    ('5900', 'Cash over and short', 'expense', null),
    ('5950', 'Cash rounding', 'expense', null)
  ) as chart (code, name, kind, control_of);
