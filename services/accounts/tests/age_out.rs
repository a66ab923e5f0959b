//! Coming of age (services.md §1.4): on the birthday, where the shop is.

use accounts::Accounts;
use proto::accounts::v1 as pb;
use testing::House;

use crate::{Desk, desk, family, house, person};

async fn born(desk: &mut Desk, account: &pb::Account, name: &str, born_on: &str) -> pb::Member {
    desk.add(pb::Member { born_on: Some(born_on.to_owned()), ..person(account, name, "Miller") }).await
}

/// Runs the job by hand, and answers how many it told of.
async fn age_out(house: &House<Accounts>, now: &str) -> String {
    house.clock.set(now.parse().unwrap());
    kit::operate(&house.app, house.service.as_ref(), &["run-job", "age-out"]).await.unwrap()
}

#[tokio::test]
async fn who_comes_of_age_is_told_of_once_and_missed_days_are_made_up_for() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    for (name, born_on) in [("Ada", "2008-02-28"), ("Ben", "2008-02-29"), ("Cal", "2008-03-03"), ("Dan", "2008-03-09")]
    {
        born(&mut desk, &account, name, born_on).await;
    }
    born(&mut desk, &account, "Eve", "1990-03-01").await;

    assert_eq!(age_out(&house, "2026-02-28T05:30:00Z").await, "done: 0");
    // The shop was closed for a week.
    assert_eq!(age_out(&house, "2026-03-08T18:00:00Z").await, "done: 3");
    assert_eq!(age_out(&house, "2026-03-09T18:00:00Z").await, "done: 1");
    assert_eq!(age_out(&house, "2026-03-12T18:00:00Z").await, "done: 0");

    let told = house.events::<pb::MemberCameOfAge>().await;
    assert_eq!(
        told.iter().map(|event| event.noticed_on.as_str()).collect::<Vec<_>>(),
        ["2026-03-08", "2026-03-08", "2026-03-08", "2026-03-09"]
    );
    let copy = house.events::<pb::MemberChanged>().await.pop().unwrap().member.unwrap();
    assert_eq!((copy.first_name.as_str(), copy.is_minor), ("Dan", false));
}
