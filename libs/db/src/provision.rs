//! What the operator makes once per database: roles, schemas and extensions.

/// The services that own a schema.
pub const SERVICES: [&str; 5] = ["identity", "accounts", "inventory", "pos", "ledger"];

/// Statements for the database as a whole, run in it by its administrator. They may be repeated.
pub fn database(name: &str) -> Vec<String> {
    vec![
        format!("revoke all on database \"{name}\" from public"),
        "revoke create on schema public from public".to_owned(),
        "create schema if not exists extensions".to_owned(),
        "create extension if not exists pg_trgm schema extensions".to_owned(),
        "create extension if not exists btree_gist schema extensions".to_owned(),
    ]
}

/// Statements for one service: an owner that cannot sign in, a migration role and a runtime role. They may be repeated.
///
/// The passwords may hold letters, digits, `-` and `_` only.
pub fn service(database: &str, service: &str, migration_password: &str, runtime_password: &str) -> Vec<String> {
    let (owner, mig, rt) = (format!("{service}_owner"), format!("{service}_mig"), format!("{service}_rt"));
    let role = |name: &str, options: &str| {
        format!(
            "do $$ begin create role {name} {options}; exception when duplicate_object then null; when unique_violation \
             then null; end $$"
        )
    };
    vec![
        role(&owner, "nologin"),
        role(&mig, &format!("login in role {owner}")),
        role(&rt, "login connection limit 60"),
        format!("alter role {mig} password '{migration_password}'"),
        format!("alter role {rt} password '{runtime_password}'"),
        format!("grant connect on database \"{database}\" to {mig}, {rt}"),
        format!("create schema if not exists {service} authorization {owner}"),
        format!("grant usage on schema {service} to {rt}"),
        format!("grant usage on schema extensions to {owner}, {rt}"),
        format!("alter role {mig} set role = '{owner}'"),
        format!("alter role {mig} set search_path = {service}, extensions"),
        format!("alter role {rt} set search_path = {service}, extensions"),
        format!("alter role {rt} set statement_timeout = '15s'"),
        format!("alter role {rt} set lock_timeout = '3s'"),
        format!("alter role {rt} set idle_in_transaction_session_timeout = '15s'"),
        format!("alter default privileges for role {owner} in schema {service} grant select, insert on tables to {rt}"),
        format!("alter default privileges for role {owner} in schema {service} grant usage on sequences to {rt}"),
    ]
}
