use db::{Audit, Context, Subject, Tx};
use events::{HearError, Heard};
use proto::Event;
use proto::identity::v1::ShopChanged;
use proto::ledger::v1::EntryPosted;
use proto::pos::v1::DrawerOpened;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::town::{Town, eventually};

/// Keeps a copy of what it hears.
async fn copy(tx: &mut Tx, heard: &Heard) -> Result<(), HearError> {
    let shop: ShopChanged = heard.decode()?;
    if heard.is_newest(tx).await? {
        sqlx::query(
            "insert into copy (id, version) values ($1, $2) on conflict (id) do update set version = excluded.version",
        )
        .bind(heard.subject.id)
        .bind(shop.version)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_newest_version_of_a_copy_stays_whatever_the_order() {
    let town = Town::open().await;
    let (relay, books) = (town.relay(), town.consume(copy));
    let shops: Vec<Uuid> = (0..20).map(|_| Uuid::now_v7()).collect();
    let mut told: Vec<(Uuid, i64)> = shops.iter().flat_map(|shop| (1..=10).map(|version| (*shop, version))).collect();
    told.shuffle(&mut StdRng::seed_from_u64(20));

    for (id, version) in told {
        let mut tx = town.pos.begin(crate::database::context("pos")).await.unwrap();
        tx.publish(Subject { id, version }, &ShopChanged { version, ..Default::default() });
        town.pos.commit(tx).await.unwrap();
    }

    let mut conn = town.ledger.read().await.unwrap();
    eventually("all heard", async || {
        let mut conn = town.ledger.background().await.unwrap();
        sqlx::query_scalar("select count(*) = 200 from inbox where done_at is not null")
            .fetch_one(&mut *conn)
            .await
            .unwrap()
    })
    .await;
    let newest: Vec<i64> = sqlx::query_scalar("select version from copy").fetch_all(&mut *conn).await.unwrap();
    assert_eq!(newest, vec![10; 20]);
    drop(conn);
    relay.stop().await;
    books.stop().await;
    town.close().await;
}

/// Leaves a record and tells on.
async fn post(tx: &mut Tx, heard: &Heard) -> Result<(), HearError> {
    heard.decode::<DrawerOpened>()?;
    tx.audit(Audit::created("journal_entry", heard.subject.id, json!({})));
    tx.publish(heard.subject, &EntryPosted::default());
    Ok(())
}

#[tokio::test]
async fn records_and_events_of_a_batch_name_who_caused_each() {
    let town = Town::open().await;
    let clerks: Vec<Uuid> = (0..5).map(|_| Uuid::now_v7()).collect();
    for clerk in &clerks {
        let context = Context {
            actor_id: Some(*clerk),
            actor_name: format!("Clerk {clerk}"),
            request_id: format!("request {clerk}"),
            traceparent: Some(format!("00-{}-0000000000000001-01", clerk.simple())),
            ..Context::of_service("pos", "OpenDrawer", chrono::Utc::now())
        };
        let mut tx = town.pos.begin(context).await.unwrap();
        tx.publish(Subject { id: *clerk, version: 1 }, &DrawerOpened::default());
        town.pos.commit(tx).await.unwrap();
    }

    let (relay, books) = (town.relay(), town.consume(post));

    eventually("all booked", async || {
        let mut conn = town.ledger.background().await.unwrap();
        sqlx::query_scalar("select count(*) = 5 from audit").fetch_one(&mut *conn).await.unwrap()
    })
    .await;
    let mut conn = town.ledger.background().await.unwrap();
    let records: Vec<(String, Option<Uuid>, String, String, String)> =
        sqlx::query_as("select subject_id, actor_id, actor_name, request_id, action from audit order by subject_id")
            .fetch_all(&mut *conn)
            .await
            .unwrap();
    let told: Vec<(Uuid, Value, String)> =
        sqlx::query_as("select aggregate_id, headers, kind from outbox order by aggregate_id")
            .fetch_all(&mut *conn)
            .await
            .unwrap();
    for (clerk, (record, told)) in clerks.iter().zip(records.into_iter().zip(told)) {
        let (name, request) = (format!("Clerk {clerk}"), format!("request {clerk}"));
        let action = "hears pos.drawer.opened".to_owned();
        assert_eq!(record, (clerk.to_string(), Some(*clerk), name.clone(), request.clone(), action));
        let headers = json!({
            "request_id": request,
            "traceparent": format!("00-{}-0000000000000001-01", clerk.simple()),
            "actor_id": clerk,
            "actor_name": name,
        });
        assert_eq!(told, (*clerk, headers, EntryPosted::KIND.to_owned()));
    }
    drop(conn);
    relay.stop().await;
    books.stop().await;
    town.close().await;
}
