//! Who is under age, and when (services.md §1, cases C11 and C12).

use chrono::{Datelike, Days, NaiveDate};
use proto::accounts::v1 as pb;
use proto::accounts::v1::member_service_client::MemberServiceClient;
use proto::identity::v1::shop::LeapDay as LeapDayOfShop;
use testing::House;
use tonic::Code;
use types::{LeapDay, Majority};

use accounts::Accounts;

use crate::{Desk, desk, family, house, person, shop_changed};

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
async fn c11_a_shop_may_let_the_leap_day_child_come_of_age_on_28_february() {
    let house = house().await;
    house.hears(&shop_changed(2, |shop| shop.leap_day = LeapDayOfShop::February28.into())).await.unwrap();
    let mut desk = desk(&house);
    let account = desk.open(family("Chen Family")).await;
    let leap = born(&mut desk, &account, "2008-02-29").await;
    let day_after = born(&mut desk, &account, "2008-03-01").await;

    assert!(is_minor_at(&house, &leap, "2026-02-27T18:00:00Z").await);
    assert!(!is_minor_at(&house, &leap, "2026-02-28T18:00:00Z").await);
    assert!(is_minor_at(&house, &day_after, "2026-02-28T18:00:00Z").await);
    house.hears(&shop_changed(3, |shop| shop.majority_years = 21)).await.unwrap();
    assert!(is_minor_at(&house, &leap, "2028-03-02T18:00:00Z").await);
    assert!(!is_minor_at(&house, &leap, "2029-03-02T18:00:00Z").await);
}

#[tokio::test]
async fn what_is_known_of_somebodys_age_counts_before_the_date_of_birth() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let unknown = desk.add(person(&account, "Ann", "Miller")).await;
    assert_eq!(
        (unknown.minor_reason(), unknown.needs_responsible_adult),
        (pb::member::MinorReason::BornOnUnknown, false)
    );

    let request = pb::OverrideMinorRequest {
        id: unknown.id.clone(),
        counts_as: pb::minor_override::CountsAs::Adult.into(),
        reason: "showed a driving licence".to_owned(),
    };
    let adult = desk.members.override_minor(request.clone()).await.unwrap().into_inner().member.unwrap();
    assert!(!adult.is_minor && adult.minor_reason() == pb::member::MinorReason::Unspecified);
    let known = adult.minor_override.clone().unwrap();
    assert_eq!((known.counts_as(), known.set_by_name.as_str()), (pb::minor_override::CountsAs::Adult, "Test User"));
    assert!(known.set_by.is_some() && known.set_at.is_some() && known.reason == "showed a driving licence");
    assert!(!is_minor_at(&house, &adult.id, "2026-02-28T18:00:00Z").await);
    assert_eq!(house.audited().await.last().unwrap().0, "accounts.v1.MemberService/OverrideMinor");

    let clear = pb::ClearMinorOverrideRequest { id: adult.id.clone() };
    let cleared = desk.members.clear_minor_override(clear).await.unwrap().into_inner().member.unwrap();
    assert!(cleared.is_minor && cleared.minor_override.is_none());
    let child = pb::OverrideMinorRequest { counts_as: pb::minor_override::CountsAs::Minor.into(), ..request };
    let child = desk.members.override_minor(child).await.unwrap().into_inner().member.unwrap();
    assert_eq!(child.minor_reason(), pb::member::MinorReason::Override);
    assert!(child.needs_responsible_adult, "who is known to be under age needs somebody");
    let mut clerk = MemberServiceClient::new(house.user(&["accounts.edit"]));
    let refused = clerk.clear_minor_override(pb::ClearMinorOverrideRequest { id: child.id }).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn members_who_have_not_said_when_they_were_born_are_listed() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    desk.add(person(&account, "Ann", "Miller")).await;
    born(&mut desk, &account, "2015-01-01").await;

    for (unknown, needs, names) in [
        (Some(true), None, vec!["Ann"]),
        (Some(false), None, vec!["2015-01-01"]),
        (None, Some(true), vec!["2015-01-01"]),
        (None, Some(false), vec!["Ann"]),
    ] {
        for q in ["", "miller", "millerr"] {
            let request = pb::ListMembersRequest {
                q: q.to_owned(),
                born_on_unknown: unknown,
                needs_responsible_adult: needs,
                ..Default::default()
            };
            let answer = desk.members.list_members(request).await.unwrap().into_inner();
            let listed: Vec<&str> = answer.data.iter().map(|member| member.first_name.as_str()).collect();
            assert_eq!(listed, names, "unknown={unknown:?} needs={needs:?} q={q}");
        }
    }
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
        for (years, leap_day, word) in [
            (18, LeapDay::March1, "march_1"),
            (18, LeapDay::February28, "february_28"),
            (21, LeapDay::March1, "march_1"),
        ] {
            // All births around the birthday, and some that are far from it.
            let centre = today.with_day(1).unwrap().with_year(today.year() - years).unwrap();
            let births: Vec<(Option<NaiveDate>, bool)> = sqlx::query_as(
                "select born_on::date, is_under_age(born_on::date, null, of_age_born_by($1, $3, $4))
                   from generate_series($2::date - 400, $2::date + 400, interval '1 day') born_on
                  union all
                 select born_on::date, is_under_age(born_on::date, null, of_age_born_by($1, $3, $4))
                   from generate_series(date '1900-01-01', date '2199-12-31', interval '97 days') born_on
                  union all
                 select null, is_under_age(null, null, of_age_born_by($1, $3, $4))",
            )
            .bind(today)
            .bind(centre)
            .bind(years)
            .bind(word)
            .fetch_all(&mut sql)
            .await
            .unwrap();
            let rule = Majority { years, leap_day };
            for (born_on, is_minor) in births {
                assert_eq!(is_minor, rule.is_minor_on(today, born_on), "born {born_on:?}, on {today}, {rule:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 300_000, "{compared}");
}
