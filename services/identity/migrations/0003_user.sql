-- Every permission there is; a role cannot hold another.
create table permission (
    word text primary key,
    constraint permission_word_check check (word ~ '^[a-z]+\.(view|edit|admin)$')
);

create table role (
    id         uuid        primary key,
    slug       text        not null,
    name       text        not null,
    is_system  boolean     not null default false,
    created_at timestamptz not null default now(),
    constraint role_slug_key unique (slug),
    constraint role_slug_check check (slug ~ '^[a-z][a-z_]{0,49}$'),
    constraint role_name_check check (length(name) between 1 and 100)
);

-- The strongest permission of each domain: admin includes edit, edit includes view.
create table role_permission (
    role_id    uuid not null references role,
    permission text not null references permission,
    primary key (role_id, permission)
);

create table app_user (
    id            uuid        primary key,
    email         text        not null,
    first_name    text        not null,
    last_name     text        not null,
    password_hash text        not null,
    state         text        not null default 'active',
    version       bigint      not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    constraint app_user_email_check check (length(email) between 3 and 254),
    constraint app_user_first_name_check check (length(first_name) between 1 and 100),
    constraint app_user_last_name_check check (length(last_name) between 1 and 100),
    constraint app_user_state_check check (state in ('active', 'disabled'))
);
-- Addresses are ASCII, so the folding is that of "C", whatever the database's language.
create unique index app_user_email_key on app_user (lower(email collate "C"));
grant update on app_user to identity_rt;

create table user_role (
    user_id uuid not null references app_user,
    role_id uuid not null references role,
    primary key (user_id, role_id)
);
create index user_role_role on user_role (role_id);

insert into permission (word)
select domain || '.' || action
  from unnest(array['identity', 'accounts', 'inventory', 'pos', 'ledger', 'audit', 'rentals', 'scheduling', 'repairs'])
       as domains (domain),
       unnest(array['view', 'edit', 'admin']) as actions (action);

insert into role (id, slug, name, is_system)
values ('01900000-0000-7000-9000-000000000001', 'admin', 'Administrator', true),
       ('01900000-0000-7000-9000-000000000002', 'manager', 'Manager', true),
       ('01900000-0000-7000-9000-000000000003', 'sales_associate', 'Sales associate', true),
       ('01900000-0000-7000-9000-000000000004', 'technician', 'Technician', true),
       ('01900000-0000-7000-9000-000000000005', 'instructor', 'Instructor', true),
       ('01900000-0000-7000-9000-000000000006', 'viewer', 'Viewer', true);

insert into role_permission (role_id, permission)
select role.id, word
  from role
  join (values ('manager', array['pos.admin', 'inventory.admin', 'accounts.admin', 'ledger.view', 'identity.view',
                                 'audit.view']),
               ('sales_associate', array['pos.edit', 'inventory.view', 'accounts.edit']),
               ('technician', array['accounts.view', 'inventory.view']),
               ('instructor', array['accounts.view']),
               ('viewer', array['accounts.view', 'inventory.view', 'pos.view', 'ledger.view', 'identity.view']))
       as given (slug, words) using (slug),
       unnest(words) as word
union all
select role.id, permission.word
  from role, permission
 where role.slug = 'admin'
   and permission.word like '%.admin';
