use std::sync::Arc;

use db::{UsedApproval, use_approval};
use uuid::Uuid;

use crate::database::{Database, context};

#[tokio::test]
async fn of_twenty_uses_of_an_approval_at_once_one_succeeds() {
    let database = Database::open(&["pos"]).await;
    let db = Arc::new(database.of("pos"));
    let resource_id = "a sale".to_owned();
    let used = UsedApproval { id: Uuid::now_v7(), actor_id: Uuid::now_v7(), approver_id: Uuid::now_v7(), resource_id };
    let mut uses = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (db, used) = (Arc::clone(&db), used.clone());
        uses.spawn(async move {
            let mut tx = db.begin(context("pos")).await.unwrap();
            let first = use_approval(&mut tx, &used).await.unwrap();
            db.commit(tx).await.unwrap();
            first
        });
    }
    assert_eq!(uses.join_all().await.iter().filter(|first| **first).count(), 1);

    let mut tx = db.begin(context("pos")).await.unwrap();
    let alone = UsedApproval { id: Uuid::now_v7(), approver_id: used.actor_id, ..used };
    let refused = use_approval(&mut tx, &alone).await.unwrap_err();
    assert!(db::violates(&refused, "approval_used_approver_check"), "I6: {refused}");
    drop(tx);
    database.drop().await;
}
