create sequence sale_number;

create table sale (
    id                uuid        primary key,
    number            text,
    state             text        not null,
    location_id       uuid        not null,
    register_id       uuid        not null,
    drawer_session_id uuid,
    account_id        uuid,
    account_name      text,
    member_id         uuid,
    discount_percent  numeric(9, 6),
    discount_amount   bigint,
    discount_reason   text,
    net               bigint      not null,
    tax               bigint      not null,
    total             bigint      not null,
    cash_rounding     bigint      not null default 0,
    paid              bigint      not null default 0,
    change            bigint      not null default 0,
    -- Cash that stayed in the drawer: tendered in cash less change.
    cash_kept         bigint      not null default 0,
    taxes             jsonb       not null default '[]',
    business_on       date,
    receipt           jsonb,
    created_by        uuid        not null,
    voided_by         uuid,
    void_reason       text,
    void_session_id   uuid,
    tx                xid8        not null default pg_current_xact_id(),
    version           bigint      not null default 1,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    completed_at      timestamptz,
    voided_at         timestamptz,
    constraint sale_number_key unique (number),
    constraint sale_register_id_fkey foreign key (register_id) references register (id),
    constraint sale_drawer_session_id_fkey foreign key (drawer_session_id) references drawer_session (id),
    constraint sale_void_session_id_fkey foreign key (void_session_id) references drawer_session (id),
    constraint sale_state_check check (state in ('draft', 'completed', 'voided')),
    constraint sale_total_check check (net + tax = total),
    constraint sale_change_check check (change >= 0),
    constraint sale_discount_check check (discount_percent is null or discount_amount is null),
    -- A completed sale is paid to the unit, and hangs on a drawer session.
    constraint sale_paid_check check (completed_at is null or paid = total + cash_rounding),
    constraint sale_completed_check check (
        (completed_at is not null) = (drawer_session_id is not null)
        and (completed_at is not null) = (number is not null)
        and (completed_at is not null) = (business_on is not null)
        and (completed_at is not null) = (receipt is not null)
        and (state <> 'completed' or completed_at is not null)
        and (state <> 'draft' or completed_at is null)
    ),
    constraint sale_voided_check check (
        (state = 'voided') = (voided_at is not null)
        and (state = 'voided') = (void_reason is not null)
        and (void_session_id is not null) = (state = 'voided' and completed_at is not null)
    )
);
create index sale_created on sale (created_at, id);
create index sale_business on sale (business_on, id);
create index sale_account on sale (account_id) where account_id is not null;
create index sale_session on sale (drawer_session_id) include (cash_kept);
create index sale_void_session on sale (void_session_id) include (cash_kept) where void_session_id is not null;

create table sale_line (
    id               uuid           primary key,
    sale_id          uuid           not null,
    position         integer        not null,
    product_id       uuid,
    sku              text,
    description      text           not null check (length(description) between 1 and 200),
    quantity         numeric(14, 4) not null,
    unit_price       bigint         not null,
    tax_category     text           not null,
    discount_percent numeric(9, 6),
    discount_amount  bigint,
    discount_reason  text,
    net              bigint         not null,
    tax              bigint         not null,
    gross            bigint         not null,
    created_at       timestamptz    not null default now(),
    constraint sale_line_sale_id_fkey foreign key (sale_id) references sale (id),
    constraint sale_line_position_key unique (sale_id, position),
    constraint sale_line_quantity_check check (quantity > 0),
    constraint sale_line_price_check check (unit_price >= 0),
    constraint sale_line_gross_check check (net + tax = gross),
    constraint sale_line_discount_check check (discount_percent is null or discount_amount is null)
);

create table tender (
    id         uuid        primary key,
    sale_id    uuid        not null,
    position   integer     not null,
    kind       text        not null,
    amount     bigint      not null,
    change     bigint      not null default 0,
    reference  text,
    created_at timestamptz not null default now(),
    constraint tender_sale_id_fkey foreign key (sale_id) references sale (id),
    constraint tender_position_key unique (sale_id, position),
    constraint tender_kind_check check (kind in ('cash', 'card')),
    constraint tender_amount_check check (amount > 0),
    -- Only cash gives change, and never more than it was.
    constraint tender_change_check check (change between 0 and amount and (kind = 'cash' or change = 0)),
    constraint tender_reference_check check (kind <> 'card' or reference is not null)
);

-- A sale is completed or reversed only while the drawer session is open; the share lock lets a close wait for it.
create function need_open_drawer() returns trigger language plpgsql as $$
declare
    session uuid;
begin
    if tg_op = 'INSERT' then
        session := new.drawer_session_id;
    elsif old.state = 'draft' and new.state = 'completed' then
        session := new.drawer_session_id;
    else
        session := new.void_session_id;
    end if;
    if session is null then
        return new;
    end if;
    perform 1 from drawer_session d
      where d.id = session and d.register_id = new.register_id and d.state = 'open'
        for share;
    if not found then
        raise exception 'the drawer is not open' using errcode = 'check_violation', constraint = 'sale_open_drawer';
    end if;
    return new;
end $$;
create trigger sale_open_drawer before insert or update of state on sale for each row execute function need_open_drawer();

-- A completed sale never changes; it can only be voided, once. A voided one is final.
create function keep_completed_sale() returns trigger language plpgsql as $$
begin
    if old.state = 'draft' then
        if new.state = 'voided' and new.completed_at is not null then
            raise exception 'a draft is given up without having been completed' using errcode = 'restrict_violation';
        end if;
        return new;
    end if;
    if old.state = 'completed' and new.state = 'voided'
       and (new.number, new.location_id, new.register_id, new.drawer_session_id, new.account_id, new.account_name,
            new.member_id, new.discount_percent, new.discount_amount, new.created_by, new.created_at, new.net, new.tax, new.total,
            new.cash_rounding, new.paid, new.change, new.cash_kept, new.taxes, new.business_on, new.receipt,
            new.completed_at)
           is not distinct from
           (old.number, old.location_id, old.register_id, old.drawer_session_id, old.account_id, old.account_name,
            old.member_id, old.discount_percent, old.discount_amount, old.created_by, old.created_at, old.net, old.tax, old.total,
            old.cash_rounding, old.paid, old.change, old.cash_kept, old.taxes, old.business_on, old.receipt,
            old.completed_at)
    then
        return new;
    end if;
    raise exception 'a completed sale does not change' using errcode = 'restrict_violation';
end $$;
create trigger sale_keeps before update on sale for each row execute function keep_completed_sale();

-- What is paid is what the tenders say, and what stays in the drawer is their cash; checked at the commit.
create function need_tenders() returns trigger language plpgsql as $$
begin
    if new.state <> 'completed' then
        return null;
    end if;
    if (select (coalesce(sum(t.amount - t.change), 0), coalesce(sum(t.amount - t.change) filter (where t.kind = 'cash'), 0))
          from tender t where t.sale_id = new.id)
       is distinct from (select (s.paid::numeric, s.cash_kept::numeric) from sale s where s.id = new.id)
    then
        raise exception 'the tenders do not add up to what is paid' using errcode = 'check_violation', constraint = 'sale_tenders';
    end if;
    return null;
end $$;
create constraint trigger sale_tenders after insert or update of state on sale deferrable initially deferred
    for each row execute function need_tenders();

-- Lines and tenders belong to a draft, or to a sale that this very transaction completes.
create function need_changeable_sale() returns trigger language plpgsql as $$
begin
    if exists (
        select from changed c join sale s on s.id = c.sale_id
         where s.state <> 'draft' and s.tx <> pg_current_xact_id()
    ) then
        raise exception 'a completed sale does not change' using errcode = 'restrict_violation';
    end if;
    return null;
end $$;
create trigger sale_line_added after insert on sale_line referencing new table as changed
    for each statement execute function need_changeable_sale();
create trigger sale_line_removed after delete on sale_line referencing old table as changed
    for each statement execute function need_changeable_sale();
create trigger tender_added after insert on tender referencing new table as changed
    for each statement execute function need_changeable_sale();
create trigger tender_append_only before update or delete on tender for each row execute function refuse_change();
create trigger tender_no_truncate before truncate on tender for each statement execute function refuse_change();
create trigger sale_no_truncate before truncate on sale for each statement execute function refuse_change();

grant update on sale to pos_rt;
grant delete on sale_line to pos_rt;
