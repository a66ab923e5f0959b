use kit::task::spawn;
use proto::accounts::v1 as pb;
use tonic::{Code, Status};

use crate::{Desk, desk, family, fields, house, mask, person, reason};

async fn go(desk: &mut Desk, member: &pb::Member, to: &pb::Account) -> Result<pb::Member, Status> {
    let request = pb::MoveMemberRequest { id: member.id.clone(), account_id: to.id.clone() };
    Ok(desk.members.move_member(request).await?.into_inner().member.unwrap())
}

#[tokio::test]
async fn a_member_goes_over_to_another_account_and_both_count_him() {
    let house = house().await;
    let mut desk = desk(&house);
    let (miller, okafor) = (desk.open(family("Miller")).await, desk.open(family("Okafor")).await);
    let ann = desk.add(person(&miller, "Ann", "Miller")).await;
    desk.add(person(&miller, "Ben", "Miller")).await;

    let moved = go(&mut desk, &ann, &okafor).await.unwrap();

    assert_eq!((moved.account_id.as_str(), moved.number.as_str()), (okafor.id.as_str(), ann.number.as_str()));
    assert_eq!(desk.account(&miller.id).await.member_count, 1);
    assert_eq!(desk.account(&okafor.id).await.member_count, 1);
    let told = house.events::<pb::MemberMoved>().await;
    assert_eq!(
        told,
        [pb::MemberMoved { member_id: ann.id.clone(), from_account_id: miller.id, to_account_id: okafor.id.clone() }]
    );
    let copies = house.events::<pb::MemberChanged>().await;
    assert_eq!(copies.last().unwrap().member.as_ref(), Some(&moved));

    let refused = go(&mut desk, &ann, &okafor).await.unwrap_err();
    assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec!["account_id".to_owned()]));
}

#[tokio::test]
async fn nobody_goes_over_to_an_account_that_is_closed_or_merged_or_not_there() {
    let house = house().await;
    let mut desk = desk(&house);
    let miller = desk.open(family("Miller")).await;
    let ann = desk.add(person(&miller, "Ann", "Miller")).await;
    let (closed, other, merged) =
        (desk.open(family("Silva")).await, desk.open(family("Okafor")).await, desk.open(family("Okafo")).await);
    desk.accounts.archive_account(pb::ArchiveAccountRequest { id: closed.id.clone() }).await.unwrap();
    desk.merge(&other.id, &merged.id).await.unwrap();
    let nowhere = pb::Account { id: "0190f000-0000-7000-8000-000000000001".to_owned(), ..Default::default() };

    for (to, why) in [(&closed, "ACCOUNT_ARCHIVED"), (&merged, "ACCOUNT_MERGED"), (&nowhere, "ACCOUNT_NOT_FOUND")] {
        let refused = go(&mut desk, &ann, to).await.unwrap_err();
        assert_eq!(reason(&refused), why);
    }
    assert_eq!(desk.member(&ann.id).await, ann);
}

#[tokio::test]
async fn people_who_go_both_ways_at_once_do_not_wait_for_each_other_for_ever() {
    let house = house().await;
    let mut desk = desk(&house);
    let (miller, okafor) = (desk.open(family("Miller")).await, desk.open(family("Okafor")).await);
    let mut going = Vec::new();
    for n in 0..10 {
        for (from, to) in [(&miller, &okafor), (&okafor, &miller)] {
            let member = desk.add(person(from, &format!("Nr {n}"), "Miller")).await;
            let request = pb::MoveMemberRequest { id: member.id, account_id: to.id.clone() };
            let mut members = desk.members.clone();
            going.push(spawn(async move { members.move_member(request).await.unwrap() }));
        }
    }
    for gone in going {
        gone.await.unwrap();
    }
    assert_eq!(desk.account(&miller.id).await.member_count, 10);
    assert_eq!(desk.account(&okafor.id).await.member_count, 10);
}

#[tokio::test]
async fn the_primary_member_is_the_targets_and_the_sources_again() {
    let house = house().await;
    let mut desk = desk(&house);
    let (target, source) = (desk.open(family("Miller")).await, desk.open(family("Millar")).await);
    let (ann, ben) =
        (desk.add(person(&target, "Ann", "Miller")).await, desk.add(person(&source, "Ben", "Millar")).await);
    for (account, member) in [(&target, &ann), (&source, &ben)] {
        let primary_member_id = Some(member.id.clone());
        let update = pb::Account { id: account.id.clone(), primary_member_id, ..Default::default() };
        let request = pb::UpdateAccountRequest { account: Some(update), update_mask: mask(&["primary_member_id"]) };
        desk.accounts.update_account(request).await.unwrap();
    }
    let merge = desk.merge(&target.id, &source.id).await.unwrap();
    assert_eq!(desk.account(&source.id).await.primary_member_id, Some(ann.id.clone()));
    desk.undo(&merge.id).await.unwrap();
    assert_eq!(desk.account(&source.id).await.primary_member_id, Some(ben.id.clone()));
    assert_eq!(desk.account(&target.id).await.primary_member_id, Some(ann.id));
    // Whoever moves is the primary member no more.
    let request = pb::MoveMemberRequest { id: ben.id, account_id: target.id };
    desk.members.move_member(request).await.unwrap();
    assert_eq!(desk.account(&source.id).await.primary_member_id, None);
}
