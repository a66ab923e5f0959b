use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_service_client::AccountServiceClient;
use proto::common::v1::Address;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tonic::Code;

use crate::{desk, family, fields, house, mask, person, reason};

#[tokio::test]
async fn an_account_gets_the_next_number_of_six_digits() {
    let house = house().await;
    let mut desk = desk(&house);

    let first = desk.open(family("Miller Family")).await;
    let second = desk.open(family("Okafor Family")).await;

    assert_eq!([first.number.as_str(), second.number.as_str()], ["100001", "100002"]);
    assert_eq!((first.member_count, first.etag.as_str(), first.state()), (0, "1", pb::account::State::Active));
    assert_eq!(desk.account(&first.id).await, first);
    assert_eq!(house.told().await, ["accounts.account.changed", "accounts.account.changed"]);
    let action = "accounts.v1.AccountService/CreateAccount".to_owned();
    assert_eq!(house.audited().await, vec![(action, "account".to_owned()); 2]);
}

#[tokio::test]
async fn fifty_accounts_opened_at_once_have_fifty_numbers() {
    let house = house().await;

    let opened: Vec<_> = (0..50)
        .map(|n| {
            let mut accounts = AccountServiceClient::new(house.user(&["accounts.edit"]));
            spawn(async move {
                let request =
                    pb::CreateAccountRequest { account: Some(family(&format!("Family {n}"))), ..Default::default() };
                accounts.create_account(request).await.unwrap().into_inner().account.unwrap().number
            })
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for opened in opened {
        numbers.insert(opened.await.unwrap());
    }

    assert_eq!(numbers.len(), 50);
    assert!(numbers.iter().all(|number| number.len() == 6), "{numbers:?}");
}

#[tokio::test]
async fn only_the_named_fields_change_and_a_blank_one_is_cleared() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk
        .open(pb::Account {
            email: Some("Ann@Example.test".to_owned()),
            phone: Some("(312) 555-0100".to_owned()),
            notes: Some("late".to_owned()),
            ..family("Miller Family")
        })
        .await;

    let update = pb::Account {
        id: account.id.clone(),
        name: "Ignored".to_owned(),
        notes: Some("  ".to_owned()),
        ..Default::default()
    };
    let request = pb::UpdateAccountRequest { account: Some(update), update_mask: mask(&["phone", "notes"]) };
    let changed = desk.accounts.update_account(request).await.unwrap().into_inner().account.unwrap();

    assert_eq!(changed.name, "Miller Family");
    assert_eq!(changed.email.as_deref(), Some("Ann@Example.test"));
    assert_eq!((changed.phone.as_deref(), changed.notes.as_deref()), (None, None));
    assert_eq!(changed.etag, "2");
    let told = house.events::<pb::AccountChanged>().await;
    assert_eq!(told[1], pb::AccountChanged { account: Some(changed), version: 2 });
    let (before, after): (Value, Value) =
        sqlx::query_as("select before, after from audit order by position desc limit 1")
            .fetch_one(&mut house.sql().await)
            .await
            .unwrap();
    assert_eq!(before, json!({"phone": "***", "notes": "***"}));
    assert_eq!(after, json!({"phone": null, "notes": null}));
}

#[tokio::test]
async fn without_a_mask_every_field_is_meant() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(pb::Account { phone: Some("555-0100".to_owned()), ..family("Miller Family") }).await;

    let address = Address { line1: "1 Elm Street".to_owned(), country: "us".to_owned(), ..Default::default() };
    let update = pb::Account {
        id: account.id.clone(),
        kind: pb::account::Kind::Business.into(),
        name: " Miller Music ".to_owned(),
        address: Some(address.clone()),
        ..Default::default()
    };
    let request = pb::UpdateAccountRequest { account: Some(update), update_mask: None };
    let changed = desk.accounts.update_account(request).await.unwrap().into_inner().account.unwrap();

    assert_eq!((changed.kind(), changed.name.as_str()), (pb::account::Kind::Business, "Miller Music"));
    assert_eq!(changed.phone, None);
    assert_eq!(changed.address, Some(Address { country: "US".to_owned(), ..address }));
}

#[tokio::test]
async fn an_update_that_changes_nothing_tells_nothing() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;

    for paths in [vec!["name", "email"], vec![]] {
        let request = pb::UpdateAccountRequest { account: Some(account.clone()), update_mask: mask(&paths) };
        let same = desk.accounts.update_account(request).await.unwrap().into_inner().account.unwrap();
        assert_eq!(same, account);
    }

    assert_eq!((house.told().await.len(), house.audited().await.len()), (1, 1));
}

#[tokio::test]
async fn who_read_an_older_version_is_refused() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let rename = |name: &str| {
        let update = pb::Account { id: account.id.clone(), name: name.to_owned(), ..Default::default() };
        pb::UpdateAccountRequest { account: Some(update), update_mask: mask(&["name"]) }
    };
    let mut seen_first = AccountServiceClient::new(house.user_with(&["accounts.admin"], &[("if-match", "1")]));
    seen_first.update_account(rename("Miller")).await.unwrap();

    let refused = seen_first.update_account(rename("Muller")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "ACCOUNT_CHANGED"));
    let refused = seen_first.archive_account(pb::ArchiveAccountRequest { id: account.id.clone() }).await.unwrap_err();
    assert_eq!(reason(&refused), "ACCOUNT_CHANGED");

    assert_eq!(desk.account(&account.id).await.name, "Miller");
}

#[tokio::test]
async fn what_the_service_alone_writes_cannot_be_named() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;

    for path in ["number", "state", "member_count", "created_at", "updated_at", "etag", "id", "address.city", "nothing"]
    {
        let request = pb::UpdateAccountRequest { account: Some(account.clone()), update_mask: mask(&["name", path]) };
        let refused = desk.accounts.update_account(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec![format!("account.{path}")]),
            "{path}"
        );
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let house = house().await;
    let mut desk = desk(&house);

    let wrong = pb::Account {
        name: " ".to_owned(),
        email: Some("not an address".to_owned()),
        phone: Some("1".to_owned()),
        notes: Some("x".repeat(5001)),
        ..Default::default()
    };
    let refused = desk
        .accounts
        .create_account(pb::CreateAccountRequest { account: Some(wrong), ..Default::default() })
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let mut blamed = fields(&refused);
    blamed.sort();
    assert_eq!(blamed, ["account.email", "account.kind", "account.name", "account.notes", "account.phone"]);

    let nowhere = Address { country: "1!".to_owned(), ..Default::default() };
    let wrong = pb::Account { address: Some(nowhere), ..family("Miller") };
    let refused = desk
        .accounts
        .create_account(pb::CreateAccountRequest { account: Some(wrong), ..Default::default() })
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["account.address.country"]);
    let refused = desk.accounts.create_account(pb::CreateAccountRequest::default()).await.unwrap_err();
    assert_eq!(fields(&refused), ["account"]);
    assert_eq!(house.told().await, Vec::<String>::new());
}

#[tokio::test]
async fn texts_at_their_longest_are_taken() {
    let house = house().await;
    let mut desk = desk(&house);

    let long = pb::Account {
        email: Some(format!("{}@{}.test", "a".repeat(64), "b".repeat(184))),
        phone: Some(" \u{2003}7".to_owned()),
        notes: Some("🎻".repeat(5000)),
        ..family(&"🎻".repeat(200))
    };
    let account = desk.open(long).await;

    assert_eq!((account.name.chars().count(), account.phone.as_deref()), (200, Some("7")));
    let names = desk.open(family(&random_letters(200))).await;
    assert_eq!(desk.account(&names.id).await.name.chars().count(), 200);
}

/// Letters of four bytes that do not compress.
fn random_letters(count: u32) -> String {
    (0..count).filter_map(|n| char::from_u32(0x2_0000 + n.wrapping_mul(2_654_435_761) % 0xA6D0)).collect()
}

#[tokio::test]
async fn an_account_that_is_not_there_is_not_found() {
    let house = house().await;
    let mut desk = desk(&house);

    let id = "0190f000-0000-7000-8000-000000000001".to_owned();
    let missing = desk.accounts.get_account(pb::GetAccountRequest { id: id.clone() }).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::NotFound, "ACCOUNT_NOT_FOUND"));
    let missing = desk.accounts.restore_account(pb::RestoreAccountRequest { id }).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let wrong = desk.accounts.get_account(pb::GetAccountRequest { id: "7".to_owned() }).await.unwrap_err();
    assert_eq!((wrong.code(), fields(&wrong)), (Code::InvalidArgument, vec!["id".to_owned()]));
}

#[tokio::test]
async fn an_archived_account_keeps_its_members_and_takes_no_new_ones() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    desk.add(person(&account, "Ann", "Miller")).await;
    let archive = || pb::ArchiveAccountRequest { id: account.id.clone() };

    let archived = desk.accounts.archive_account(archive()).await.unwrap().into_inner().account.unwrap();
    assert_eq!((archived.state(), archived.member_count), (pb::account::State::Archived, 1));
    let refused = desk.accounts.archive_account(archive()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ALREADY_ARCHIVED"));
    let request = pb::CreateMemberRequest { member: Some(person(&account, "Ben", "Miller")) };
    let refused = desk.members.create_member(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ACCOUNT_ARCHIVED"));

    let request = pb::RestoreAccountRequest { id: account.id.clone() };
    let restored = desk.accounts.restore_account(request.clone()).await.unwrap().into_inner().account.unwrap();
    assert_eq!((restored.state(), restored.etag.as_str()), (pb::account::State::Active, "4"));
    let refused = desk.accounts.restore_account(request).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_ARCHIVED");
    desk.add(person(&account, "Ben", "Miller")).await;
    let audited: Vec<String> = house.audited().await.into_iter().map(|(action, _)| action).collect();
    let audited: Vec<&str> = audited.iter().filter_map(|action| action.split('/').nth(1)).collect();
    assert_eq!(audited, ["CreateAccount", "CreateMember", "ArchiveAccount", "RestoreAccount", "CreateMember"]);
}

#[tokio::test]
async fn a_request_sent_twice_with_its_key_opens_one_account() {
    let house = house().await;
    let mut accounts = AccountServiceClient::new(
        house.token_with(&house.keys.token(&["accounts.edit"]), &[("idempotency-key", "k-1")]),
    );
    let request = pb::CreateAccountRequest { account: Some(family("Miller Family")), ..Default::default() };

    let first = accounts.create_account(request.clone()).await.unwrap().into_inner();
    let again = accounts.create_account(request).await.unwrap();

    assert_eq!(again.metadata().get("idempotency-replayed").unwrap(), "true");
    assert_eq!(again.into_inner(), first);
    assert_eq!(desk(&house).found("").await.1, 1);
}

#[tokio::test]
async fn nobody_does_what_he_may_not() {
    house().await.refuses_whom_it_must().await;
}

#[tokio::test]
async fn a_card_number_is_refused_in_every_text() {
    house().await.refuses_card_numbers(250).await;
}
