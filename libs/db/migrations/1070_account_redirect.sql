-- Where merged accounts lead, as the accounts service told; a row without a target stands for itself again. The newest
-- version of the source wins, so that a merge and its undoing may be heard in any order and again.
create table account_redirect (
    source_id uuid   primary key,
    target_id uuid,
    version   bigint not null,
    constraint account_redirect_self_check check (source_id <> target_id)
);
create index account_redirect_target on account_redirect (target_id) where target_id is not null;

-- The account that stands for this one now. Between two events that belong together the way may be a circle for a moment;
-- it is left after a hundred steps.
create function account_now(account uuid) returns uuid language sql stable as $$
    with recursive way (id, step) as (
        select account, 0
        union all
        select r.target_id, way.step + 1
          from way
          join account_redirect r on r.source_id = way.id
         where r.target_id is not null
           and way.step < 100
    )
    select id from way order by step desc limit 1
$$;

-- The account that stands for this one now, and all that lead there.
create function accounts_of(account uuid) returns setof uuid language sql stable as $$
    with recursive kin (id) as (
        select account_now(account)
        union
        select r.source_id from kin join account_redirect r on r.target_id = kin.id
    )
    select id from kin
$$;

do $$
begin
    execute format('grant update on account_redirect to %I', current_schema() || '_rt');
end $$;
