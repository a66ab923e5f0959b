//! The totals of the accounts list are exact, however they come about.

use accounts::Accounts;
use kit::Service;
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_service_client::AccountServiceClient;
use sqlx::{Connection, PgConnection};
use testing::{House, eventually};
use tokio::task::JoinSet;

use crate::{desk, family, house, mask};

/// More accounts than are worth sorting for one page.
const MANY: i64 = 2600;

async fn crowd(house: &House<Accounts>) {
    sqlx::query(
        "insert into account (id, kind, name, email)
         select gen_random_uuid(), (array['family', 'individual', 'business'])[1 + n % 3],
                'Choir ' || lpad((n * 7919 % 10000)::text, 4, '0'), 'choir' || n || '@example.test'
           from generate_series(1, $1) n",
    )
    .bind(i32::try_from(MANY).unwrap())
    .execute(&mut house.sql().await)
    .await
    .unwrap();
}

async fn page(house: &House<Accounts>, request: pb::ListAccountsRequest) -> (Vec<String>, i64) {
    let answer = desk(house).accounts.list_accounts(request).await.unwrap().into_inner();
    (answer.data.into_iter().map(|account| account.name).collect(), answer.pagination.unwrap().total)
}

#[tokio::test]
async fn every_page_of_a_long_list_is_where_it_should_be() {
    let house = house().await;
    crowd(&house).await;
    let mut sql = house.sql().await;

    for (q, kind, descending) in [
        ("", None, false),
        ("choir", None, false),
        ("choir", Some(3), true),
        ("ch", None, true),
        ("77", None, false),
        ("", Some(1), true),
    ] {
        let words = ["", "family", "individual", "business"];
        let kind_word = kind.map_or("", |kind: i32| words[usize::try_from(kind).unwrap()]);
        let mut all: Vec<String> = sqlx::query_scalar(
            "select name from account where search_text like '%' || $1 || '%' and $2 in ('', kind) order by name, id",
        )
        .bind(q)
        .bind(kind_word)
        .fetch_all(&mut sql)
        .await
        .unwrap();
        if descending {
            all.reverse();
        }
        let pages = i32::try_from(all.len().div_ceil(100)).unwrap();
        for number in [1, 2, pages / 2, pages / 2 + 1, pages - 1, pages, pages + 1].into_iter().filter(|n| *n > 0) {
            let request = pb::ListAccountsRequest {
                q: q.to_owned(),
                kind,
                page: number,
                limit: 100,
                order: if descending { 2 } else { 0 },
                ..Default::default()
            };
            let skip = usize::try_from(number - 1).unwrap() * 100;
            let wanted: Vec<String> = all.iter().skip(skip).take(100).cloned().collect();
            let found = page(&house, request).await;
            assert_eq!(found.1, i64::try_from(all.len()).unwrap(), "q={q} kind={kind:?}");
            assert!(found.0 == wanted, "q={q} kind={kind:?} page={number}: {:?} and not {wanted:?}", found.0);
        }
    }
}

#[tokio::test]
async fn a_total_that_is_known_follows_every_change() {
    let house = house().await;
    crowd(&house).await;
    let mut desk = desk(&house);
    assert_eq!(desk.found("").await.1, MANY);
    assert_eq!(desk.found("choir").await.1, MANY);
    assert_eq!(desk.found("zz").await.1, 0);

    let account = desk.open(family("Choir zz")).await;
    assert_eq!(
        [desk.found("").await.1, desk.found("choir").await.1, desk.found("zz").await.1],
        [MANY + 1, MANY + 1, 1]
    );
    let update = pb::Account { id: account.id.clone(), name: "Band".to_owned(), ..Default::default() };
    let request = pb::UpdateAccountRequest { account: Some(update), update_mask: mask(&["name"]) };
    desk.accounts.update_account(request).await.unwrap();
    assert_eq!([desk.found("").await.1, desk.found("choir").await.1, desk.found("zz").await.1], [MANY + 1, MANY, 0]);
    desk.accounts.archive_account(pb::ArchiveAccountRequest { id: account.id }).await.unwrap();
    assert_eq!([desk.found("").await.1, desk.found("choir").await.1], [MANY, MANY]);
    // What no total depends on is not logged.
    assert_eq!(logged(&mut house.sql().await).await, MANY + 3);
}

#[tokio::test]
async fn old_changes_are_forgotten_and_totals_stay_exact() {
    let house = house().await;
    crowd(&house).await;
    let mut desk = desk(&house);
    let jobs = house.service.jobs();
    let mut sql = house.sql().await;
    assert_eq!(desk.found("").await.1, MANY);

    for round in 0..3 {
        desk.open(family(&format!("Choir of round {round}"))).await;
        jobs[0].run_once(&house.app.db, "accounts").await.unwrap();
        assert!(logged(&mut sql).await > round, "what a kept count has not seen is kept");
        assert_eq!(desk.found("").await.1, MANY + round + 1);
    }
    crowd(&house).await;
    // What is younger than the oldest transaction anywhere on the server stays until that one has ended.
    eventually("all changes are forgotten", async || {
        jobs[0].run_once(&house.app.db, "accounts").await.unwrap();
        (logged(&mut house.sql().await).await == 0).then_some(())
    })
    .await;
    // A count that comes late, from before what was forgotten, is not believed.
    sqlx::query(
        "insert into account_count (patterns, kind, state, rows, snapshot) values ('{%}', '', 'active', 7, '1:1:')",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    assert_eq!(desk.found("").await.1, 2 * MANY + 3);
}

async fn logged(sql: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from account_change").fetch_one(sql).await.unwrap()
}

#[tokio::test]
async fn totals_are_exact_while_clerks_are_writing() {
    let house = house().await;
    crowd(&house).await;
    let mut clerks = JoinSet::new();
    for clerk in 0..3 {
        let accounts = AccountServiceClient::new(house.user(&["accounts.admin"]));
        clerks.spawn(write(accounts, clerk));
    }

    let (mut sql, mut compared, mut known) = (house.sql().await, 0, 0);
    while !clerks.is_empty() {
        while let Some(clerk) = clerks.try_join_next() {
            clerk.unwrap();
        }
        for (q, pattern) in [("", "%"), ("choir", "%choir%"), ("an", "%an%"), ("sarah", "%sarah%")] {
            // The list counts what is not known yet.
            desk(&house).found(q).await;
            let (total, counted) = both(&mut sql, pattern).await;
            compared += 1;
            known += usize::from(total.is_some());
            assert!(total.is_none_or(|total| total == counted), "{q}: {total:?} and not {counted}");
        }
    }

    assert!(compared >= 8 && known >= compared / 4, "{known} of {compared} totals were known");
    for (q, pattern) in [("", "%"), ("choir", "%choir%"), ("an", "%an%"), ("sarah", "%sarah%")] {
        assert_eq!(desk(&house).found(q).await.1, both(&mut sql, pattern).await.1, "{q}");
    }
}

/// Opens, renames, archives and restores.
async fn write(mut accounts: AccountServiceClient<testing::Voice>, clerk: u32) {
    for n in 0..60 {
        let name = ["Sarah", "Choir an", "Band", "Anna"][n % 4];
        let request =
            pb::CreateAccountRequest { account: Some(family(&format!("{name} {clerk} {n}"))), ..Default::default() };
        let account = accounts.create_account(request).await.unwrap().into_inner().account.unwrap();
        let update = pb::Account { id: account.id.clone(), name: format!("Renamed {clerk} {n}"), ..Default::default() };
        if n % 2 == 0 {
            let request = pb::UpdateAccountRequest { account: Some(update), update_mask: mask(&["name"]) };
            accounts.update_account(request).await.unwrap();
        }
        if n % 3 == 0 {
            accounts.archive_account(pb::ArchiveAccountRequest { id: account.id.clone() }).await.unwrap();
        }
        if n % 6 == 0 {
            accounts.restore_account(pb::RestoreAccountRequest { id: account.id }).await.unwrap();
        }
    }
}

/// The total as it is known, if it is, and as it is counted, in one snapshot.
async fn both(sql: &mut PgConnection, pattern: &str) -> (Option<i64>, i64) {
    let mut tx = sql.begin().await.unwrap();
    sqlx::query("set transaction isolation level repeatable read").execute(&mut *tx).await.unwrap();
    let total = sqlx::query_scalar("select rows from account_total(array[$1], '', 'active')")
        .bind(pattern)
        .fetch_optional(&mut *tx)
        .await
        .unwrap();
    let counted = sqlx::query_scalar("select count(*) from account where search_text like $1 and state = 'active'")
        .bind(pattern)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    (total, counted)
}
