use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cipher::{Column, rotate};
use futures_util::future::join_all;
use uuid::Uuid;

use crate::vault::{house, keep, keys, keys_with, read, sealed};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotation_under_concurrent_reads_and_writes_has_no_errors() {
    let house = house().await;
    // The shop's replica knows nothing of the operator's command.
    let (shop, operator) = (keys(&house).await, keys(&house).await);
    let rows: Vec<Uuid> = (0..300).map(|_| Uuid::now_v7()).collect();
    for row in &rows {
        keep(&house, &shop, *row, &format!("{row} 0")).await;
    }
    let before = sealed(&house, rows[0]).await;
    let (open, reads, writes) = (AtomicBool::new(true), AtomicU64::new(0), AtomicU64::new(0));

    let reader = async |first: usize| {
        let mut at = first;
        while open.load(Ordering::SeqCst) {
            let row = rows[at % rows.len()];
            let text = read(&house, &shop, row).await.unwrap();
            assert!(text.starts_with(&row.to_string()), "{text}");
            reads.fetch_add(1, Ordering::SeqCst);
            at += 7;
        }
    };
    let writer = async |first: usize| {
        let mut at = first;
        while open.load(Ordering::SeqCst) {
            let row = rows[at % rows.len()];
            keep(&house, &shop, row, &format!("{row} {at}")).await;
            writes.fetch_add(1, Ordering::SeqCst);
            at += 11;
        }
    };
    let rotation = async {
        let moved = rotate(&operator, &[Column::new("note", "sealed")]).await.unwrap();
        open.store(false, Ordering::SeqCst);
        moved
    };
    let (moved, ..) = tokio::join!(rotation, join_all((0..3).map(reader)), join_all((0..2).map(writer)));

    assert!(moved > 0 && reads.load(Ordering::SeqCst) > 0 && writes.load(Ordering::SeqCst) > 0);
    for row in &rows {
        assert!(operator.is_current(&sealed(&house, *row).await), "{row} was left behind");
        assert!(read(&house, &shop, *row).await.unwrap().starts_with(&row.to_string()));
    }
    assert!(!operator.is_current(&before));
}

#[tokio::test]
async fn rotation_wraps_the_data_keys_under_the_operators_new_key() {
    let (house, row) = (house().await, Uuid::now_v7());
    let old = testing::field_key().reveal().clone();
    let new = format!("next={}", "C".repeat(42) + "E=");
    keep(&house, &keys(&house).await, row, "kept").await;

    let both = keys_with(&house, &format!("{new},{old}")).await.unwrap();
    rotate(&both, &[Column::new("note", "sealed")]).await.unwrap();

    let only_new = keys_with(&house, &new).await.unwrap();
    assert_eq!(read(&house, &only_new, row).await.unwrap(), "kept");
    let old_ones: i64 = sqlx::query_scalar("select count(*) from data_key where wrapped not like 'v1|next|%'")
        .fetch_one(&mut house.sql().await)
        .await
        .unwrap();
    assert_eq!(old_ones, 0);
}
