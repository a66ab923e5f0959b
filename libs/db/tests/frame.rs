use db::check_role;
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};

use crate::database::{Database, run};

const APPEND_ONLY: [&str; 3] = ["audit", "seal", "approval_used"];

#[tokio::test]
async fn the_runtime_role_of_a_migrated_service_has_exactly_the_rights_it_needs() {
    let database = Database::open(&["pos", "ledger"]).await;

    let mut runtime = PgConnection::connect(&database.url("pos_rt")).await.unwrap();

    assert_eq!(check_role(&mut runtime, "pos", &APPEND_ONLY).await.unwrap(), Vec::<String>::new());
    let refused = sqlx::query("delete from audit").execute(&mut runtime).await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
    database.drop().await;
}

#[tokio::test]
async fn migrations_run_twice_and_belong_to_the_owner() {
    let database = Database::open(&["pos"]).await;

    db::migrate(&database.url("pos_mig"), &Migrator::with_migrations(vec![])).await.unwrap();

    let mut admin = database.admin().await;
    let strangers: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class where relnamespace = 'pos'::regnamespace and relowner <> 'pos_owner'::regrole",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert_eq!(strangers, Vec::<String>::new());
    database.drop().await;
}

#[tokio::test]
async fn a_stray_grant_is_noticed() {
    let database = Database::open(&["pos", "ledger"]).await;
    let mut admin = database.admin().await;
    for grant in ["grant usage on schema ledger to pos_rt", "grant delete on pos.audit to pos_rt"] {
        run(&mut admin, grant.to_owned()).await;
    }

    let mut runtime = PgConnection::connect(&database.url("pos_rt")).await.unwrap();
    let mut wrong = check_role(&mut runtime, "pos", &APPEND_ONLY).await.unwrap();

    wrong.sort();
    assert_eq!(wrong, ["may change append-only audit", "may use foreign schema ledger"]);
    database.drop().await;
}
