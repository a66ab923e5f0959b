//! The customer's database: schemas, and for each service an owner, a migration and a runtime role.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::failure::{Result, While};
use crate::secrets::Secrets;
use crate::settings::{DATABASE, DatabaseUrl, SERVICES};

/// Brings database, roles and schemas to what they should be; what is there already stays.
pub(crate) async fn provision(admin: &DatabaseUrl, secrets: &Secrets) -> Result<()> {
    let mut server = PgConnection::connect(&admin.to_string()).await.when("connecting as operator")?;
    let found = sqlx::query_scalar::<_, bool>("select exists (select from pg_database where datname = $1)");
    if !found.bind(DATABASE).fetch_one(&mut server).await? {
        server.execute(AssertSqlSafe(format!("create database {DATABASE}"))).await.when("creating the database")?;
    }
    server.close().await?;

    let url = admin.with_database(DATABASE).to_string();
    let mut database = PgConnection::connect(&url).await.when("connecting to the database")?;
    let mut transaction = database.begin().await?;
    // Notices would say that everything is there already.
    let mut statements = vec!["set local client_min_messages = warning".to_owned()];
    statements.extend(db::provision::database(DATABASE));
    for service in SERVICES {
        let migration = secrets.role(&format!("{service}_mig"))?;
        let runtime = secrets.role(&format!("{service}_rt"))?;
        statements.push(MEMBERSHIP.replace("{owner}", &format!("{service}_owner")));
        statements.extend(db::provision::service(DATABASE, service, migration, runtime));
    }
    for statement in statements {
        let words = statement.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
        // A statement may hold a password, so only how it begins is told.
        transaction.execute(AssertSqlSafe(statement)).await.when(format!("`{words} …`"))?;
    }
    transaction.commit().await?;
    database.close().await?;
    Ok(())
}

/// An operator who is no superuser, as managed servers have them, can act only for roles that he is a member of.
const MEMBERSHIP: &str = "
do $$
begin
    if not exists (select from pg_roles where rolname = '{owner}') then
        create role {owner} nologin;
    end if;
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant {owner} to %I', current_user);
    end if;
end
$$";
