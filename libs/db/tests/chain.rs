use std::time::{Duration, Instant};

use db::seal::{AUDIT, Anchor, ChainReport, head, seal, verify, waiting};
use db::{Audit, Db};
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::database::{Database, context, run};

/// Leaves audit records, up to three in a transaction.
async fn work(db: &Db, seed: u64, rounds: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    for round in 0..rounds {
        let mut tx = db.begin(context("pos")).await.unwrap();
        for _ in 0..random.random_range(1..=3) {
            tx.audit(Audit::changed(
                "sale",
                Uuid::now_v7(),
                json!({"total": round}),
                json!({"total": "9.90", "note": "ä"}),
            ));
        }
        db.commit(tx).await.unwrap();
    }
}

async fn rows(conn: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from audit").fetch_one(conn).await.unwrap()
}

#[tokio::test]
async fn every_record_of_eight_busy_writers_is_chained() {
    let database = Database::open(&["pos"]).await;
    let db = database.of("pos");
    let mut conn = db.background().await.unwrap();
    assert_eq!(head(&mut conn, &AUDIT).await.unwrap(), None);

    let writers = join_all((0..8).map(|seed| work(&db, seed, 40)));
    let mut sealed = 0;
    let sealing = async {
        while sealed < 300 {
            sealed += seal(&mut conn, &[AUDIT]).await.unwrap();
        }
    };
    tokio::join!(writers, sealing);
    let deadline = Instant::now() + Duration::from_secs(30);
    while waiting(&mut conn, &AUDIT).await.unwrap() > 0 {
        assert!(Instant::now() < deadline, "records wait for ever");
        seal(&mut conn, &[AUDIT]).await.unwrap();
    }

    let records = rows(&mut conn).await;
    // The time zone of a session alters nothing.
    run(&mut conn, "set time zone 'Asia/Kathmandu'".into()).await;
    let report = verify(&mut conn, &AUDIT, None).await.unwrap();
    let anchor = head(&mut conn, &AUDIT).await.unwrap().unwrap();
    assert_eq!(report, ChainReport { sealed: records, waiting: 0, head: anchor.hash.clone(), broken_at: None });
    assert_eq!(anchor.number, records);
    assert_eq!(verify(&mut conn, &AUDIT, Some(&anchor)).await.unwrap().broken_at, None);
    drop(conn);
    database.drop().await;
}

#[tokio::test]
async fn a_hundred_of_a_hundred_forgeries_are_found() {
    let seed: u64 = rand::random();
    println!("FAULT F35 seed={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let database = Database::open(&["pos"]).await;
    let db = database.of("pos");
    join_all((0..4).map(|seed| work(&db, seed, 100))).await;
    let mut admin = database.admin().await;
    for statement in [
        "set search_path = pos",
        "set session_replication_role = replica",
        "set time zone 'America/St_Johns'",
        "alter table audit alter position drop identity",
    ] {
        run(&mut admin, statement.into()).await;
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while waiting(&mut admin, &AUDIT).await.unwrap() > 0 {
        assert!(Instant::now() < deadline);
        seal(&mut admin, &[AUDIT]).await.unwrap();
    }
    let anchor = head(&mut admin, &AUDIT).await.unwrap().unwrap();
    assert!(anchor.number > 500, "the chain spans batches");
    for table in ["audit", "seal"] {
        run(&mut admin, format!("create table true_{table} as table {table}")).await;
    }

    let mut found = 0;
    for round in 0..100 {
        let what = forge(&mut admin, &mut random, anchor.number).await;
        let report = verify(&mut admin, &AUDIT, Some(&anchor)).await.unwrap();
        assert!(report.broken_at.is_some(), "round {round}: not found: {what}");
        found += 1;
        for statement in
            ["truncate audit, seal", "insert into audit table true_audit", "insert into seal table true_seal"]
        {
            run(&mut admin, statement.into()).await;
        }
    }

    assert_eq!(verify(&mut admin, &AUDIT, Some(&anchor)).await.unwrap().broken_at, None);
    println!("FAULT F35 seed={seed} forged=100 found={found}");
    database.drop().await;
}

#[tokio::test]
async fn without_an_anchor_the_place_of_an_edit_is_named() {
    let database = Database::open(&["pos"]).await;
    let db = database.of("pos");
    work(&db, 1, 10).await;
    let mut admin = database.admin().await;
    run(&mut admin, "set search_path = pos".into()).await;
    run(&mut admin, "set session_replication_role = replica".into()).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while waiting(&mut admin, &AUDIT).await.unwrap() > 0 {
        assert!(Instant::now() < deadline);
        seal(&mut admin, &[AUDIT]).await.unwrap();
    }

    run(&mut admin, "update audit set action = 'x' where id = (select row_id from seal where number = 7)".into()).await;

    let report = verify(&mut admin, &AUDIT, None).await.unwrap();
    assert_eq!(report.broken_at, Some(7));
    let false_anchor = Anchor { number: 3, hash: vec![0; 32] };
    assert_eq!(verify(&mut admin, &AUDIT, Some(&false_anchor)).await.unwrap().broken_at, Some(7));
    database.drop().await;
}

/// Does one thing that must be found, and says what.
async fn forge(conn: &mut PgConnection, random: &mut StdRng, links: i64) -> String {
    let at = random.random_range(1..=links);
    let other = random.random_range(1..links);
    let other = if other >= at { other + 1 } else { other };
    let row = format!("(select row_id from seal where number = {at})");
    let twin = format!("(select row_id from seal where number = {other})");
    let edits = [
        "action = action || 'x'",
        "subject_id = 'another'",
        "actor_name = 'someone else'",
        "actor_id = gen_random_uuid()",
        "request_id = ''",
        "before = null",
        "after = after || '{\"total\": 9.91}'",
        "created_at = created_at + interval '1 microsecond'",
        "tx = '1'::xid8",
        "position = position + 1000000",
        "id = gen_random_uuid()",
    ];
    let exchange = format!(
        "update audit set position = p.position, tx = p.tx
           from (select a.id, b.position, b.tx from true_audit a, true_audit b
                  where (a.id, b.id) in (({row}, {twin}), ({twin}, {row}))) p
          where audit.id = p.id"
    );
    let forged = "insert into audit (id, position, tx, action, subject_kind, subject_id, actor_name, request_id)";
    let statements = [
        format!("update audit set {} where id = {row}", edits.choose(random).unwrap()),
        format!("delete from audit where id = {row}"),
        exchange,
        format!("delete from audit where id in (select row_id from seal where number >= {at})"),
        format!("delete from seal where number = {at}"),
        format!("delete from seal where number >= {at}"),
        format!("update seal set hash = sha256(hash) where number = {at}"),
        format!("update seal set previous = hash where number = {at}"),
        format!("update seal set position = position + 1 where number = {at}"),
        format!("update seal set row_id = gen_random_uuid() where number = {at}"),
        format!("delete from audit where id = {row}; delete from seal where number = {at}"),
        format!(
            "delete from audit where id = {row}; delete from seal where number = {at};
             alter table seal drop constraint seal_pkey; update seal set number = number - 1 where number > {at};
             alter table seal add primary key (chain, number)"
        ),
        format!(
            "{forged} select gen_random_uuid(), -position, tx, 'x', 'sale', '', '', '' from seal where number = {at}"
        ),
        "truncate audit".to_owned(),
        "truncate audit, seal".to_owned(),
        // The whole chain anew after an edit: only the anchor knows better.
        format!("update audit set action = 'x' where id = {row}; truncate seal"),
    ];
    let what = statements.choose(random).unwrap().clone();
    run(conn, what.clone()).await;
    if what.ends_with("truncate seal") {
        seal(conn, &[AUDIT]).await.unwrap();
    }
    what
}
