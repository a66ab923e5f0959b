use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::member_service_client::MemberServiceClient;
use serde_json::{Value, json};
use tonic::Code;

use crate::{desk, family, fields, house, mask, person, reason};

#[tokio::test]
async fn a_person_is_added_and_the_account_counts_him() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;

    let ann = desk.add(person(&account, " Ann ", "Miller")).await;
    let ben = desk.add(person(&account, "Ben", "Miller")).await;

    assert_eq!([ann.number.as_str(), ben.number.as_str()], ["100001", "100002"]);
    assert_eq!((ann.first_name.as_str(), ann.etag.as_str()), ("Ann", "1"));
    assert_eq!(desk.member(&ben.id).await, ben);
    let counted = desk.account(&account.id).await;
    assert_eq!((counted.member_count, counted.etag.as_str()), (2, "3"));
    let told = house.events::<pb::AccountChanged>().await;
    let counts: Vec<_> =
        told.iter().map(|event| (event.version, event.account.as_ref().unwrap().member_count)).collect();
    assert_eq!(counts, [(1, 0), (2, 1), (3, 2)]);
    assert_eq!(house.events::<pb::MemberChanged>().await[0], pb::MemberChanged { member: Some(ann), version: 1 });
}

#[tokio::test]
async fn twenty_people_added_at_once_are_all_counted() {
    let house = house().await;
    let account = desk(&house).open(family("Miller Family")).await;

    let added: Vec<_> = (0..20)
        .map(|n| {
            let mut members = MemberServiceClient::new(house.user(&["accounts.edit"]));
            let member = person(&account, &format!("Child {n}"), "Miller");
            spawn(async move { members.create_member(pb::CreateMemberRequest { member: Some(member) }).await.unwrap() })
        })
        .collect();
    for added in added {
        added.await.unwrap();
    }

    assert_eq!(desk(&house).account(&account.id).await.member_count, 20);
    let told = house.events::<pb::AccountChanged>().await;
    let newest = told.iter().max_by_key(|event| event.version).unwrap();
    assert_eq!((newest.version, newest.account.as_ref().unwrap().member_count), (21, 20));
}

#[tokio::test]
async fn an_archived_member_is_counted_no_more() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let ann = desk.add(person(&account, "Ann", "Miller")).await;
    desk.add(person(&account, "Ben", "Miller")).await;

    let request = pb::ArchiveMemberRequest { id: ann.id.clone() };
    let archived = desk.members.archive_member(request.clone()).await.unwrap().into_inner().member.unwrap();

    assert_eq!((archived.state(), archived.etag.as_str()), (pb::member::State::Archived, "2"));
    assert_eq!(desk.account(&account.id).await.member_count, 1);
    let refused = desk.members.archive_member(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ALREADY_ARCHIVED"));
    let list = pb::ListAccountMembersRequest { account_id: account.id.clone(), ..Default::default() };
    let left = desk.members.list_account_members(list).await.unwrap().into_inner().data;
    assert_eq!(left.iter().map(|member| member.first_name.as_str()).collect::<Vec<_>>(), ["Ben"]);
    let list = pb::ListMembersRequest { state: Some(pb::member::State::Archived.into()), ..Default::default() };
    let gone = desk.members.list_members(list).await.unwrap().into_inner().data;
    assert_eq!(gone, [archived]);
}

#[tokio::test]
async fn only_the_named_fields_of_a_member_change() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let ann = desk
        .add(pb::Member {
            email: Some("ann@example.test".to_owned()),
            born_on: Some("1990-05-01".to_owned()),
            ..person(&account, "Ann", "Miller")
        })
        .await;

    let update = pb::Member { id: ann.id.clone(), last_name: "Okafor".to_owned(), ..Default::default() };
    let request =
        pb::UpdateMemberRequest { member: Some(update), update_mask: mask(&["last_name", "email", "born_on"]) };
    let changed = desk.members.update_member(request).await.unwrap().into_inner().member.unwrap();

    assert_eq!((changed.first_name.as_str(), changed.last_name.as_str()), ("Ann", "Okafor"));
    assert_eq!((changed.email.as_deref(), changed.born_on.as_deref()), (None, None));
    assert!(changed.is_minor && !ann.is_minor);
    assert_eq!(house.events::<pb::MemberChanged>().await[1], pb::MemberChanged { member: Some(changed), version: 2 });
    let (before, after): (Value, Value) =
        sqlx::query_as("select before, after from audit order by position desc limit 1")
            .fetch_one(&mut house.sql().await)
            .await
            .unwrap();
    assert_eq!(before, json!({"last_name": "***", "email": "***", "born_on": "***"}));
    assert_eq!(after, json!({"last_name": "***", "email": null, "born_on": null}));
}

#[tokio::test]
async fn a_member_stays_on_its_account() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let ann = desk.add(person(&account, "Ann", "Miller")).await;

    for path in ["account_id", "number", "is_minor", "state", "id", "etag"] {
        let request = pb::UpdateMemberRequest { member: Some(ann.clone()), update_mask: mask(&[path]) };
        let refused = desk.members.update_member(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec![format!("member.{path}")]),
            "{path}"
        );
    }
}

#[tokio::test]
async fn who_read_an_older_version_of_a_member_is_refused() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let ann = desk.add(person(&account, "Ann", "Miller")).await;
    let update = pb::Member { id: ann.id.clone(), phone: Some("555-0101".to_owned()), ..Default::default() };
    let request = pb::UpdateMemberRequest { member: Some(update), update_mask: mask(&["phone"]) };

    let mut late = MemberServiceClient::new(house.user_with(&["accounts.admin"], &[("if-match", "7")]));
    let refused = late.update_member(request.clone()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "MEMBER_CHANGED"));
    let refused = late.archive_member(pb::ArchiveMemberRequest { id: ann.id.clone() }).await.unwrap_err();
    assert_eq!(reason(&refused), "MEMBER_CHANGED");

    let mut current = MemberServiceClient::new(house.user_with(&["accounts.edit"], &[("if-match", "1")]));
    assert_eq!(current.update_member(request).await.unwrap().into_inner().member.unwrap().etag, "2");
}

#[tokio::test]
async fn what_is_wrong_with_a_member_is_said() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let wrong = |member| pb::CreateMemberRequest { member: Some(member) };

    let refused = desk.members.create_member(wrong(person(&account, "", " "))).await.unwrap_err();
    assert_eq!(fields(&refused), ["member.first_name", "member.last_name"]);
    for born_on in ["2023-02-29", "1890-01-01", "soon", "2026-02-28"] {
        let member = pb::Member { born_on: Some(born_on.to_owned()), ..person(&account, "Ann", "Miller") };
        let refused = desk.members.create_member(wrong(member)).await.unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec!["member.born_on".to_owned()]),
            "{born_on}"
        );
    }
    let nowhere = pb::Account { id: "0190f000-0000-7000-8000-000000000001".to_owned(), ..Default::default() };
    let refused = desk.members.create_member(wrong(person(&nowhere, "Ann", "Miller"))).await.unwrap_err();
    assert_eq!(reason(&refused), "ACCOUNT_NOT_FOUND");
    let list = pb::ListAccountMembersRequest { account_id: nowhere.id.clone(), ..Default::default() };
    let refused = desk.members.list_account_members(list).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "ACCOUNT_NOT_FOUND"));
    let refused = desk.members.get_member(pb::GetMemberRequest { id: nowhere.id }).await.unwrap_err();
    assert_eq!(reason(&refused), "MEMBER_NOT_FOUND");
}
