//! The journal's hash chain.

use db::seal;
use kit::Service;
use ledger::Ledger;
use testing::eventually;

use crate::support::*;

#[tokio::test]
async fn an_edit_of_the_books_behind_every_guard_is_found() {
    let house = open().await;
    let chain = Ledger::chains().remove(0);
    for total in [500, 700, 900] {
        house.hears(&completed(&sale(total))).await.unwrap();
    }
    // Rows are chained when no older transaction runs any more, in any database of the server.
    eventually("all rows are sealed", || async {
        let mut conn = house.app.db.background().await.unwrap();
        seal::seal(&mut conn, &[chain]).await.unwrap();
        (seal::waiting(&mut conn, &chain).await.unwrap() == 0).then_some(())
    })
    .await;
    let mut conn = house.app.db.background().await.unwrap();
    let report = seal::verify(&mut conn, &chain, None).await.unwrap();
    assert_eq!((report.sealed, report.waiting, report.broken_at), (3, 0, None));
    let booked = entries(&house).await;
    let seals: Vec<_> = booked.iter().map(|entry| entry.seal).collect();
    assert_eq!(seals, [Some(1), Some(2), Some(3)]);
    assert!(booked.iter().all(|entry| entry.hash.as_ref().is_some_and(|hash| hash.len() == 64)));

    let mut admin = house.sql().await;
    for statement in [
        "alter table journal_line disable trigger all",
        "update journal_line set debit = 701 where debit = 700",
        "update journal_line set credit = 701 where credit = 700",
        "alter table journal_line enable trigger all",
    ] {
        sqlx::query(statement).execute(&mut admin).await.unwrap();
    }
    let report = seal::verify(&mut conn, &chain, None).await.unwrap();
    assert_eq!(report.broken_at, Some(2));
}
