-- Who pays no tax, as accounts tells it. The newest version wins.
create table tax_exemption_copy (
    id                 uuid    primary key,
    version            bigint  not null,
    account_id         uuid    not null,
    approved           boolean not null,
    certificate_number text,
    -- The last day on which it holds.
    expires_on         date
);
create index tax_exemption_copy_account on tax_exemption_copy (account_id) where approved;

-- The certificate of an account that pays no tax at a location at an instant; it counts until the end of the last day there.
create function exemption_at(account uuid, location uuid, instant timestamptz) returns text language sql stable as $$
    select e.certificate_number
      from tax_exemption_copy e
     where e.account_id = account
       and e.approved
       and e.expires_on >= (instant at time zone coalesce(
               (select l.time_zone from location_copy l where l.id = location),
               (select s.time_zone from shop_copy s),
               'UTC'))::date
     order by e.expires_on desc
     limit 1
$$;

do $$
begin
    execute format('grant update on tax_exemption_copy to %I', current_schema() || '_rt');
end $$;
