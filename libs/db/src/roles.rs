//! The start-up check: the runtime role may do what the service needs, and nothing else.

use sqlx::PgConnection;

use crate::Error;

/// Everything that is wrong with the rights of the connected role; empty when all is well.
///
/// # Errors
/// The database's.
pub async fn check_role(conn: &mut PgConnection, service: &str, append_only: &[&str]) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(CHECK)
        .bind(service)
        .bind(append_only.iter().map(|table| (*table).to_owned()).collect::<Vec<_>>())
        .fetch_all(conn)
        .await
}

const CHECK: &str = "
with me as (select * from pg_roles where rolname = current_user)
select 'role attribute ' || name
  from me, lateral (values ('superuser', rolsuper), ('createrole', rolcreaterole), ('createdb', rolcreatedb),
                           ('bypassrls', rolbypassrls), ('replication', rolreplication)) as t (name, has)
 where has
union all
select 'may create or make temporary tables in the database'
 where has_database_privilege(current_database(), 'CREATE') or has_database_privilege(current_database(), 'TEMP')
union all
select 'may create in schema ' || nspname from pg_namespace
 where nspname !~ '^pg_' and has_schema_privilege(oid, 'CREATE')
union all
select 'may use foreign schema ' || nspname from pg_namespace
 where nspname !~ '^(pg_|information_schema$|public$|extensions$)' and nspname <> $1 and has_schema_privilege(oid, 'USAGE')
union all
select 'owns ' || count(*) || ' relations' from pg_class where relowner = current_user::regrole having count(*) > 0
union all
select 'is a member of ' || r.rolname from pg_roles r, me where r.oid <> me.oid and pg_has_role(me.oid, r.oid, 'MEMBER')
union all
select 'may change append-only ' || c.relname
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relname = any($2)
   and (has_table_privilege(c.oid, 'UPDATE') or has_table_privilege(c.oid, 'DELETE') or has_table_privilege(c.oid, 'TRUNCATE'))
union all
select 'lacks append-only table ' || t.name
  from unnest($2) as t (name)
 where not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = t.name)
union all
select 'function with an open search_path ' || p.oid::regprocedure::text
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname = $1 and p.prosecdef
   and not exists (select from unnest(p.proconfig) c where c like 'search_path=%')";
