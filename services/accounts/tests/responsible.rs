//! Who answers for whom (services.md §1.3, invariants A1 and A8).

use accounts::Accounts;
use kit::Service;
use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::member_service_client::MemberServiceClient;
use proto::accounts::v1::responsible_adult::Power;
use proto::accounts::v1::responsible_adult_service_client::ResponsibleAdultServiceClient;
use sqlx::{Connection, PgConnection};
use testing::{House, Voice, list_behaves};
use tonic::{Code, Status};

use crate::{Desk, desk, family, fields, house, mask, person, reason};

const CHILD: &str = "2015-06-01";
const ADULT: &str = "1985-06-01";

fn adults(house: &House<Accounts>) -> ResponsibleAdultServiceClient<Voice> {
    ResponsibleAdultServiceClient::new(house.user(&["accounts.edit"]))
}

async fn born(desk: &mut Desk, account: &pb::Account, name: &str, born_on: &str) -> pb::Member {
    desk.add(pb::Member { born_on: Some(born_on.to_owned()), ..person(account, name, "Miller") }).await
}

async fn try_answer(
    house: &House<Accounts>,
    adult: &str,
    member: &str,
    powers: &[Power],
) -> Result<pb::ResponsibleAdult, Status> {
    let responsible_adult = pb::ResponsibleAdult {
        member_id: member.to_owned(),
        adult_id: adult.to_owned(),
        powers: powers.iter().map(|power| i32::from(*power)).collect(),
        ..Default::default()
    };
    let request = pb::CreateResponsibleAdultRequest { responsible_adult: Some(responsible_adult) };
    Ok(adults(house).create_responsible_adult(request).await?.into_inner().responsible_adult.unwrap())
}

async fn answering_for(house: &House<Accounts>, member: &str) -> Vec<pb::ResponsibleAdult> {
    let request = pb::ListResponsibleAdultsRequest { member_id: member.to_owned(), ..Default::default() };
    adults(house).list_responsible_adults(request).await.unwrap().into_inner().data
}

async fn end(house: &House<Accounts>, id: &str) -> Result<pb::ResponsibleAdult, Status> {
    let request = pb::EndResponsibleAdultRequest { id: id.to_owned() };
    Ok(adults(house).end_responsible_adult(request).await?.into_inner().responsible_adult.unwrap())
}

async fn archive(house: &House<Accounts>, id: &str) -> Result<(), Status> {
    let mut members = MemberServiceClient::new(house.user(&["accounts.admin"]));
    members.archive_member(pb::ArchiveMemberRequest { id: id.to_owned() }).await.map(|_| ())
}

async fn birthday(house: &House<Accounts>, id: &str, born_on: &str) -> Result<pb::Member, Status> {
    let mut members = MemberServiceClient::new(house.user(&["accounts.edit"]));
    let member = pb::Member { id: id.to_owned(), born_on: Some(born_on.to_owned()), ..Default::default() };
    let request = pb::UpdateMemberRequest { member: Some(member), update_mask: mask(&["born_on"]) };
    Ok(members.update_member(request).await?.into_inner().member.unwrap())
}

#[tokio::test]
async fn a_child_of_a_family_gets_the_first_adult_of_the_account() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let mother = born(&mut desk, &account, "Ann", ADULT).await;
    born(&mut desk, &account, "Tom", "1983-01-01").await;

    let child = born(&mut desk, &account, "Ben", CHILD).await;

    assert!(child.is_minor && !child.needs_responsible_adult);
    let answering = answering_for(&house, &child.id).await;
    assert_eq!(answering.len(), 1);
    let first = &answering[0];
    assert_eq!((first.adult_id.as_str(), first.adult_name.as_str()), (mother.id.as_str(), "Ann Miller"));
    assert_eq!(
        first.powers().collect::<Vec<_>>(),
        [Power::Pickup, Power::Portal, Power::Consent, Power::Pay],
        "with all powers"
    );
    let told = house.events::<pb::ResponsibleAdultChanged>().await;
    assert_eq!(told, [pb::ResponsibleAdultChanged { responsible_adult: Some(first.clone()), version: 1 }]);
    let request = pb::ListDependantsRequest { adult_id: mother.id, ..Default::default() };
    let dependants = adults(&house).list_dependants(request).await.unwrap().into_inner().data;
    assert_eq!(dependants, answering);
}

#[tokio::test]
async fn a_child_without_any_adult_is_taken_and_flagged_until_somebody_answers() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let school = desk.open(pb::Account { kind: pb::account::Kind::Business.into(), ..family("A School") }).await;
    let teacher = born(&mut desk, &school, "Tess", ADULT).await;
    let pupil = born(&mut desk, &school, "Paul", CHILD).await;
    assert!(pupil.needs_responsible_adult, "the people of a business answer for nobody by themselves");

    let child = born(&mut desk, &account, "Ben", CHILD).await;
    assert!(child.needs_responsible_adult && answering_for(&house, &child.id).await.is_empty());
    try_answer(&house, &teacher.id, &child.id, &[Power::Pickup]).await.unwrap();

    let child = desk.member(&child.id).await;
    assert!(!child.needs_responsible_adult);
    assert_eq!(child.etag, "2");
    let copy = house.events::<pb::MemberChanged>().await.pop().unwrap();
    assert_eq!(copy, pb::MemberChanged { member: Some(child), version: 2 });
}

#[tokio::test]
async fn only_a_known_adult_answers_and_only_for_the_young() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let mother = born(&mut desk, &account, "Ann", ADULT).await;
    let father = born(&mut desk, &account, "Tom", ADULT).await;
    let child = born(&mut desk, &account, "Ben", CHILD).await;
    let sister = born(&mut desk, &account, "Eve", "2010-06-01").await;
    let unknown = desk.add(person(&account, "Somebody", "Miller")).await;
    let gone = born(&mut desk, &account, "Gus", ADULT).await;
    archive(&house, &gone.id).await.unwrap();

    for (adult, member, refusal) in [
        (&sister, &child, "ADULT_NOT_OF_AGE"),
        (&unknown, &child, "ADULT_NOT_OF_AGE"),
        (&gone, &child, "MEMBER_ARCHIVED"),
        (&mother, &father, "MEMBER_OF_AGE"),
        (&mother, &child, "RESPONSIBLE_ADULT_EXISTS"),
    ] {
        let refused = try_answer(&house, &adult.id, &member.id, &[]).await.unwrap_err();
        assert_eq!(reason(&refused), refusal, "{} for {}", adult.first_name, member.first_name);
    }
    let refused = try_answer(&house, &child.id, &child.id, &[]).await.unwrap_err();
    assert_eq!(fields(&refused), ["responsible_adult.adult_id"]);
    let nobody = "0190f000-0000-7000-8000-000000000001";
    let refused = try_answer(&house, nobody, &child.id, &[]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "MEMBER_NOT_FOUND"));
    let answers = try_answer(&house, &mother.id, &unknown.id, &[Power::Consent]).await.unwrap();
    assert_eq!(answers.powers().collect::<Vec<_>>(), [Power::Consent], "who may be a child may have somebody");
}

#[tokio::test]
async fn powers_are_changed_and_the_last_adult_stays() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let mother = born(&mut desk, &account, "Ann", ADULT).await;
    let father = born(&mut desk, &account, "Tom", ADULT).await;
    let child = born(&mut desk, &account, "Ben", CHILD).await;
    let first = answering_for(&house, &child.id).await.remove(0);

    let update = |powers: Vec<i32>| pb::UpdateResponsibleAdultRequest {
        responsible_adult: Some(pb::ResponsibleAdult { id: first.id.clone(), powers, ..Default::default() }),
        update_mask: mask(&["powers"]),
    };
    let changed = adults(&house).update_responsible_adult(update(vec![4, 1])).await.unwrap().into_inner();
    assert_eq!(changed.responsible_adult.unwrap().powers().collect::<Vec<_>>(), [Power::Pickup, Power::Pay]);
    for powers in [vec![], vec![0], vec![9]] {
        let refused = adults(&house).update_responsible_adult(update(powers)).await.unwrap_err();
        assert_eq!(fields(&refused), ["responsible_adult.powers"]);
    }

    let refused = end(&house, &first.id).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "LAST_RESPONSIBLE_ADULT"));
    assert_eq!(reason(&archive(&house, &mother.id).await.unwrap_err()), "LAST_RESPONSIBLE_ADULT");
    let second = try_answer(&house, &father.id, &child.id, &[]).await.unwrap();
    assert_eq!(end(&house, &first.id).await.unwrap().state(), pb::responsible_adult::State::Ended);
    assert_eq!(reason(&end(&house, &first.id).await.unwrap_err()), "RESPONSIBLE_ADULT_ENDED");
    assert_eq!(answering_for(&house, &child.id).await, std::slice::from_ref(&second));
    archive(&house, &mother.id).await.unwrap();
    try_answer(&house, &mother.id, &child.id, &[]).await.unwrap_err();
    archive(&house, &child.id).await.unwrap();
    end(&house, &second.id).await.unwrap();
}

#[tokio::test]
async fn a8_a_date_of_birth_that_makes_a_child_of_the_last_adult_is_refused() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let mother = born(&mut desk, &account, "Ann", ADULT).await;
    let child = born(&mut desk, &account, "Ben", CHILD).await;
    let audited = house.audited().await.len();

    assert_eq!(reason(&birthday(&house, &mother.id, CHILD).await.unwrap_err()), "LAST_RESPONSIBLE_ADULT");
    assert!(!desk.member(&mother.id).await.is_minor);
    assert_eq!(house.audited().await.len(), audited, "what was refused left no trace");

    // Who comes of age by it answers for himself, and may then be left alone.
    let grown = birthday(&house, &child.id, "2007-06-01").await.unwrap();
    assert!(!grown.is_minor);
    assert_eq!(house.audited().await.len(), audited + 1);
    let link = answering_for(&house, &child.id).await.remove(0);
    end(&house, &link.id).await.unwrap();
    // And who turns out to be a child after all needs somebody again.
    assert_eq!(reason(&birthday(&house, &child.id, CHILD).await.unwrap_err()), "LAST_RESPONSIBLE_ADULT");
    try_answer(&house, &mother.id, &child.id, &[]).await.unwrap_err();
    let lone = desk.open(family("Okafor Family")).await;
    let sister = born(&mut desk, &lone, "Eve", ADULT).await;
    assert!(birthday(&house, &sister.id, CHILD).await.unwrap().needs_responsible_adult);
}

#[tokio::test]
async fn a8_who_turns_out_to_be_a_child_gets_the_adult_of_the_account() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let mother = born(&mut desk, &account, "Ann", ADULT).await;
    let ben = desk.add(person(&account, "Ben", "Miller")).await;
    assert!(answering_for(&house, &ben.id).await.is_empty(), "nobody is made a child by saying nothing");

    let child = birthday(&house, &ben.id, CHILD).await.unwrap();

    assert!(child.is_minor && !child.needs_responsible_adult);
    assert_eq!(answering_for(&house, &ben.id).await[0].adult_id, mother.id);
}

#[tokio::test]
async fn who_comes_of_age_is_handed_over_on_his_birthday_at_the_shop() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let father = born(&mut desk, &account, "Tom", ADULT).await;
    let uncle = born(&mut desk, &account, "Gus", ADULT).await;
    let child = born(&mut desk, &account, "Ben", "2008-06-01").await;
    try_answer(&house, &uncle.id, &child.id, &[Power::Pickup]).await.unwrap();

    // Half past eleven in the evening before in Chicago, and an hour later; and once more.
    for (now, left) in [
        ("2026-06-01T04:30:00Z", vec![(father.id.clone(), 4), (uncle.id.clone(), 1)]),
        ("2026-06-01T05:30:00Z", vec![(father.id.clone(), 1)]),
        ("2026-06-01T05:31:00Z", vec![(father.id.clone(), 1)]),
    ] {
        house.clock.set(now.parse().unwrap());
        for job in house.service.jobs() {
            job.run_once(&house.app.db, "accounts").await.unwrap();
        }
        let mut answering: Vec<_> =
            answering_for(&house, &child.id).await.into_iter().map(|link| (link.adult_id, link.powers.len())).collect();
        answering.sort_by_key(|(_, powers)| std::cmp::Reverse(*powers));
        assert_eq!(answering, left, "{now}");
    }
    assert_eq!(answering_for(&house, &child.id).await[0].powers().collect::<Vec<_>>(), [Power::Pay]);
    assert_eq!(house.events::<pb::ResponsibleAdultChanged>().await.len(), 4, "each is told once");
}

/// A child with two adults, and who they are.
async fn child_of_two(house: &House<Accounts>, run: usize) -> (pb::Member, [pb::Member; 2], [pb::ResponsibleAdult; 2]) {
    let mut desk = desk(house);
    let account = desk.open(family(&format!("Family {run}"))).await;
    let mother = born(&mut desk, &account, "Ann", ADULT).await;
    // The other parent pays elsewhere: no lock on one account keeps the two apart.
    let elsewhere = desk.open(family(&format!("Other Family {run}"))).await;
    let father = born(&mut desk, &elsewhere, "Tom", ADULT).await;
    let child = born(&mut desk, &account, "Ben", CHILD).await;
    let first = answering_for(house, &child.id).await.remove(0);
    let second = try_answer(house, &father.id, &child.id, &[]).await.unwrap();
    (child, [mother, father], [first, second])
}

#[tokio::test]
async fn a1_of_two_who_each_end_one_of_the_last_two_exactly_one_succeeds_fifty_times() {
    let house = house().await;
    for run in 0..50 {
        let (child, _, [first, second]) = child_of_two(&house, run).await;
        let tries = [first.id, second.id].map(|id| {
            let mut adults = adults(&house);
            spawn(async move { adults.end_responsible_adult(pb::EndResponsibleAdultRequest { id }).await })
        });
        let mut ended = 0;
        for tried in tries {
            match tried.await.unwrap() {
                Ok(_) => ended += 1,
                Err(refused) => assert_eq!(reason(&refused), "LAST_RESPONSIBLE_ADULT", "run {run}"),
            }
        }
        assert_eq!((ended, answering_for(&house, &child.id).await.len()), (1, 1), "run {run}");
    }
}

#[tokio::test]
async fn a1_of_one_who_ends_and_one_who_archives_exactly_one_succeeds_fifty_times() {
    let house = house().await;
    for run in 0..50 {
        let (child, [_, father], [first, _]) = child_of_two(&house, run).await;
        let mut adults = adults(&house);
        let mut members = MemberServiceClient::new(house.user(&["accounts.admin"]));
        let ending = spawn(async move {
            adults.end_responsible_adult(pb::EndResponsibleAdultRequest { id: first.id }).await.map(|_| ())
        });
        let archiving =
            spawn(async move { members.archive_member(pb::ArchiveMemberRequest { id: father.id }).await.map(|_| ()) });
        let done = [ending.await.unwrap(), archiving.await.unwrap()];
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "run {run}: {done:?}");
        for refused in done.iter().filter_map(|done| done.as_ref().err()) {
            assert_eq!(reason(refused), "LAST_RESPONSIBLE_ADULT", "run {run}");
        }
        assert_eq!(live_adults(&mut house.sql().await, &child.id).await, 1, "run {run}");
    }
}

async fn live_adults(sql: &mut PgConnection, member: &str) -> i64 {
    sqlx::query_scalar(
        "select count(*) from responsible_adult r join member a on a.id = r.adult_id
          where r.member_id = $1::uuid and r.state = 'active' and a.state = 'active'",
    )
    .bind(member)
    .fetch_one(sql)
    .await
    .unwrap()
}

#[tokio::test]
async fn a1_the_database_refuses_who_writes_beside_the_service() {
    let house = house().await;
    let (child, [mother, father], [first, second]) = child_of_two(&house, 0).await;
    let mut sql = house.sql().await;
    // Both at once within one transaction: refused when it commits.
    let mut tx = sql.begin().await.unwrap();
    for link in [&first, &second] {
        sqlx::query("update responsible_adult set state = 'ended', ended_at = now() where id = $1::uuid")
            .bind(&link.id)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    let refused = tx.commit().await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().constraint(), Some("member_responsible_adult_check"));
    for (statement, constraint) in [
        ("update member set state = 'archived' where id in ($1::uuid, $2::uuid)", "member_responsible_adult_check"),
        ("update member set born_on = '2016-01-01' where id in ($1::uuid, $2::uuid)", "member_responsible_adult_check"),
        ("update member set awaits_adult = true where id = $3::uuid and $1 <> $2", "member_awaits_adult_check"),
        (
            "insert into responsible_adult (id, member_id, adult_id, powers)
             select gen_random_uuid(), $1::uuid, $3::uuid, '{pay}' where $2 <> ''",
            "responsible_adult_adult_check",
        ),
    ] {
        let refused = sqlx::query(sqlx::AssertSqlSafe(statement.to_owned()))
            .bind(&mother.id)
            .bind(&father.id)
            .bind(&child.id)
            .execute(&mut sql)
            .await
            .unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().constraint(), Some(constraint), "{statement}");
    }
    assert_eq!(live_adults(&mut sql, &child.id).await, 2);
}

#[tokio::test]
async fn those_who_answer_and_those_for_whom_they_do_are_listed_by_the_convention() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let mother = born(&mut desk, &account, "Ann", ADULT).await;
    let mut children = Vec::new();
    for name in ["Ben", "Eve", "Ida", "Leo"] {
        children.push(born(&mut desk, &account, name, CHILD).await);
    }
    for name in ["Gus", "Tom", "Una"] {
        let adult = born(&mut desk, &account, name, ADULT).await;
        try_answer(&house, &adult.id, &children[0].id, &[]).await.unwrap();
    }
    let voice = || house.user(&["accounts.view"]);
    let service = "accounts.v1.ResponsibleAdultService";
    list_behaves(voice(), &format!("{service}/ListResponsibleAdults"), &[("member_id", &children[0].id)]).await;
    list_behaves(voice(), &format!("{service}/ListDependants"), &[("adult_id", &mother.id)]).await;
}
