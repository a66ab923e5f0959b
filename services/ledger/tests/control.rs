//! The database is the referee of the books.

use db::Context;
use ledger::Ledger;
use sqlx::PgConnection;
use testing::House;
use types::uuid::Uuid;

use crate::support::*;

/// Writes an entry as the runtime role, line by line; answers what the commit says.
async fn write(house: &House<Ledger>, producer_tx: Option<&str>, lines: &[(&str, i64)]) -> Result<(), sqlx::Error> {
    let mut tx = house.app.db.begin(Context::of_service("ledger", "test", house.clock.now())).await?;
    let amount = lines.iter().map(|(_, amount)| amount.max(&0)).sum::<i64>().max(1);
    let id = entry(&mut tx, producer_tx, amount).await?;
    for (ordinal, (code, amount)) in (1_i16..).zip(lines) {
        add_line(&mut tx, id, ordinal, code, *amount).await?;
    }
    house.app.db.commit(tx).await
}

async fn entry(conn: &mut PgConnection, producer_tx: Option<&str>, amount: i64) -> Result<Uuid, sqlx::Error> {
    let id = Uuid::now_v7();
    sqlx::query(
        "insert into journal_entry (id, effective_on, memo, source_service, source_kind, source_id, event_kind,
                                    producer_tx, amount)
         values ($1, '2026-11-21', 'By hand', 'test', 'test', $1, 'test', $2::xid8, $3)",
    )
    .bind(id)
    .bind(producer_tx)
    .bind(amount)
    .execute(conn)
    .await?;
    Ok(id)
}

async fn add_line(conn: &mut PgConnection, id: Uuid, ordinal: i16, code: &str, amount: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into journal_line (journal_entry_id, ordinal, ledger_account_id, effective_on, debit, credit)
         select $1, $2, id, '2026-11-21', greatest($4, 0), greatest(-$4, 0) from ledger_account where code = $3",
    )
    .bind(id)
    .bind(ordinal)
    .bind(code)
    .bind(amount)
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes the opposite of an entry as the runtime role, without asking the service.
async fn reverse_past_the_door(house: &House<Ledger>, id: &str) -> Result<(), sqlx::Error> {
    let mut tx = house.app.db.begin(Context::of_service("ledger", "test", house.clock.now())).await?;
    turn(&mut tx, id).await?;
    house.app.db.commit(tx).await
}

fn constraint(done: Result<(), sqlx::Error>) -> String {
    let error = done.expect_err("the database must refuse");
    let error = error.as_database_error().unwrap();
    error.constraint().map_or_else(|| error.message().to_owned(), str::to_owned)
}

#[tokio::test]
async fn an_entry_that_does_not_balance_to_the_cent_is_refused_at_its_commit() {
    let house = open().await;
    write(&house, None, &[("1000", 500), ("3000", -500)]).await.unwrap();
    for lines in [
        &[("1000", 500), ("3000", -499)][..],
        &[("1000", 500)],
        &[("3000", -500)],
        &[],
        &[("1000", 500), ("1050", 500), ("3000", -500)],
    ] {
        assert_eq!(constraint(write(&house, None, lines).await), "journal_entry_balance_check", "{lines:?}");
    }
    assert_eq!(constraint(write(&house, None, &[("1000", 0), ("3000", 0)]).await), "journal_line_one_side_check");
    assert_eq!(entries(&house).await.len(), 1);
}

#[tokio::test]
async fn lines_that_are_slipped_in_later_are_refused_even_when_they_balance() {
    let house = open().await;
    let sale = sale(500);
    house.hears(&completed(&sale)).await.unwrap();
    let id: Uuid = entries(&house).await[0].id.parse().unwrap();

    let mut tx = house.app.db.begin(Context::of_service("ledger", "test", house.clock.now())).await.unwrap();
    add_line(&mut tx, id, 3, "1000", 70).await.unwrap();
    add_line(&mut tx, id, 4, "3000", -70).await.unwrap();
    assert_eq!(constraint(house.app.db.commit(tx).await), "journal_entry_balance_check");
}

#[tokio::test]
async fn only_events_book_to_control_accounts() {
    let house = open().await;
    let by_hand = write(&house, None, &[("1300", 500), ("3000", -500)]).await;
    assert_eq!(constraint(by_hand), "journal_entry_control_check");
    write(&house, Some("7"), &[("1300", 500), ("3000", -500)]).await.unwrap();
    let id = entries(&house).await[0].id.clone();
    assert_eq!(constraint(reverse_past_the_door(&house, &id).await), "journal_entry_control_check");
    write(&house, None, &[("1000", 500), ("3000", -500)]).await.unwrap();
    let free = entries(&house).await.remove(1);
    reverse_past_the_door(&house, &free.id).await.unwrap();
}

#[tokio::test]
async fn what_is_booked_is_never_changed_or_removed() {
    let house = open().await;
    house.hears(&completed(&sale(500))).await.unwrap();
    let statements = [
        "update journal_entry set memo = 'other'",
        "delete from journal_entry",
        "truncate journal_entry cascade",
        "update journal_line set debit = debit + 1 where debit > 0",
        "delete from journal_line",
        "truncate journal_line",
    ];
    for statement in statements {
        let mut conn = house.app.db.read().await.unwrap();
        let refused = sqlx::query(statement).execute(&mut *conn).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("42501"), "no right to {statement}");
        let refused = sqlx::query(statement).execute(&mut house.sql().await).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("23001"), "triggers stop {statement}");
    }
    let mut conn = house.app.db.read().await.unwrap();
    let refused = sqlx::query("update ledger_account set name = 'x'").execute(&mut *conn).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("42501"), "the chart is the migrations'");
}

#[tokio::test]
async fn the_runtime_role_may_do_what_it_must_and_nothing_else() {
    let house = open().await;
    let mut conn = house.app.db.read().await.unwrap();
    let append_only = ["audit", "seal", "journal_entry", "journal_line"];
    let wrong = db::check_role(&mut conn, "ledger", &append_only).await.unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn one_cause_has_one_entry_whoever_writes_it() {
    let house = open().await;
    let sale = sale(500);
    house.hears(&completed(&sale)).await.unwrap();
    let copied = sqlx::query(
        "insert into journal_entry (id, effective_on, memo, source_service, source_kind, source_id, event_kind, amount)
         select $1, effective_on, memo, source_service, source_kind, source_id, event_kind, amount from journal_entry",
    );
    let mut conn = house.app.db.read().await.unwrap();
    let refused = copied.bind(Uuid::now_v7()).execute(&mut *conn).await.unwrap_err();
    assert!(db::violates(&refused, "journal_entry_source_key"), "{refused}");
}
