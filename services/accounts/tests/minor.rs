//! Who is under age, and when (services.md §1, cases C11 and C12).

use chrono::{Datelike, Days, NaiveDate};
use proto::accounts::v1 as pb;
use testing::House;

use accounts::Accounts;

use crate::{Desk, desk, family, house, person};

async fn born(desk: &mut Desk, account: &pb::Account, born_on: &str) -> String {
    let member = pb::Member { born_on: Some(born_on.to_owned()), ..person(account, born_on, "Miller") };
    desk.add(member).await.id
}

/// Says whether a member is under age at an instant; the record and the filter must agree.
async fn is_minor_at(house: &House<Accounts>, id: &str, now: &str) -> bool {
    house.clock.set(now.parse().unwrap());
    let mut desk = desk(house);
    let member = desk.member(id).await;
    for is_minor in [true, false] {
        let request = pb::ListMembersRequest { is_minor: Some(is_minor), ..Default::default() };
        let answer = desk.members.list_members(request).await.unwrap().into_inner();
        assert_eq!(
            answer.data.iter().any(|listed| listed.id == id),
            member.is_minor == is_minor,
            "{now}: isMinor={is_minor}"
        );
        assert!(answer.data.iter().all(|listed| listed.is_minor == is_minor), "{now}");
        assert_eq!(usize::try_from(answer.pagination.unwrap().total).unwrap(), answer.data.len());
    }
    member.is_minor
}

#[tokio::test]
async fn c11_who_is_born_on_29_february_comes_of_age_on_1_march() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let leap = born(&mut desk, &account, "2008-02-29").await;
    let day_before = born(&mut desk, &account, "2008-02-28").await;
    let day_after = born(&mut desk, &account, "2008-03-01").await;

    assert!(is_minor_at(&house, &leap, "2026-02-28T18:00:00Z").await);
    assert!(!is_minor_at(&house, &leap, "2026-03-01T18:00:00Z").await);
    assert!(!is_minor_at(&house, &day_before, "2026-02-28T18:00:00Z").await);
    assert!(is_minor_at(&house, &day_after, "2026-02-28T18:00:00Z").await);
    assert!(!is_minor_at(&house, &day_after, "2026-03-01T18:00:00Z").await);
}

#[tokio::test]
async fn c11_the_birthday_begins_at_midnight_of_the_shop() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let leap = born(&mut desk, &account, "2008-02-29").await;

    // Half past eleven in the evening of 28 February in Chicago, and 1 March in UTC.
    assert!(is_minor_at(&house, &leap, "2026-03-01T05:30:00Z").await);
    assert!(is_minor_at(&house, &leap, "2026-03-01T05:59:59Z").await);
    assert!(!is_minor_at(&house, &leap, "2026-03-01T06:00:00Z").await);
    // Half past eleven in the evening of 1 March in Chicago, and 2 March in UTC.
    assert!(!is_minor_at(&house, &leap, "2026-03-02T05:30:00Z").await);
}

#[tokio::test]
async fn c12_the_earlier_day_of_naive_libraries_is_not_taken() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let leap = born(&mut desk, &account, "2000-02-29").await;

    assert!(is_minor_at(&house, &leap, "2018-02-28T18:00:00Z").await);
    assert!(!is_minor_at(&house, &leap, "2018-03-01T18:00:00Z").await);
}

#[tokio::test]
async fn an_unknown_date_of_birth_counts_as_under_age() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let somebody = desk.add(person(&account, "Somebody", "Miller")).await;

    assert!(is_minor_at(&house, &somebody.id, "2026-02-28T18:00:00Z").await);
    assert!(is_minor_at(&house, &somebody.id, "2066-02-28T18:00:00Z").await);
}

#[tokio::test]
async fn nobody_is_marked_as_under_age_in_the_database() {
    let house = house().await;
    let marks: Vec<String> = sqlx::query_scalar(
        "select column_name::text
           from information_schema.columns
          where table_schema = 'accounts' and table_name in ('account', 'member') and column_name like '%minor%'",
    )
    .fetch_all(&mut house.sql().await)
    .await
    .unwrap();
    assert_eq!(marks, Vec::<String>::new());
}

#[tokio::test]
async fn the_database_and_the_rule_agree_on_every_day() {
    let house = house().await;
    let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
    let mut todays: Vec<NaiveDate> = (0..40).map(|n| day(2026, 1, 31) + Days::new(n)).collect();
    for year in [1918, 1924, 2018, 2023, 2024, 2025, 2028, 2100, 2118, 2199] {
        todays.extend([(1, 1), (2, 28), (3, 1), (12, 31)].map(|(month, d)| day(year, month, d)));
        todays.extend(NaiveDate::from_ymd_opt(year, 2, 29));
    }
    let mut sql = house.sql().await;
    let mut compared = 0;
    for today in todays {
        // All births around the eighteenth birthday, and some that are far from it.
        let centre = today.with_day(1).unwrap().with_year(today.year() - 18).unwrap();
        let births: Vec<(Option<NaiveDate>, bool)> = sqlx::query_as(
            "select born_on::date, is_minor(born_on::date, $1)
               from generate_series($2::date - 400, $2::date + 400, interval '1 day') born_on
              union all
             select born_on::date, is_minor(born_on::date, $1)
               from generate_series(date '1900-01-01', date '2199-12-31', interval '97 days') born_on
              union all
             select null, is_minor(null, $1)",
        )
        .bind(today)
        .bind(centre)
        .fetch_all(&mut sql)
        .await
        .unwrap();
        for (born_on, is_minor) in births {
            assert_eq!(is_minor, types::is_minor_on(today, born_on), "born {born_on:?}, on {today}");
            compared += 1;
        }
    }
    assert!(compared > 100_000, "{compared}");
}
