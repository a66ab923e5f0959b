use std::collections::BTreeSet;

use proto::accounts::v1 as pb;
use testing::list_behaves;
use tonic::Code;

use crate::{desk, family, fields, house, person};

const NAMES: [&str; 7] = ["Abel", "Bohm", "Cruz", "Diaz", "Endo", "Frey", "Gall"];

#[tokio::test]
async fn accounts_are_listed_by_the_convention() {
    let house = house().await;
    let mut desk = desk(&house);
    for name in NAMES {
        desk.open(family(name)).await;
    }
    list_behaves(house.user(&["accounts.view"]), "accounts.v1.AccountService/ListAccounts", &[]).await;
}

#[tokio::test]
async fn members_are_listed_by_the_convention() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Abel")).await;
    let other = desk.open(family("Bohm")).await;
    for name in NAMES {
        desk.add(person(&account, name, "Abel")).await;
        desk.add(person(&other, name, "Bohm")).await;
    }
    let voice = || house.user(&["accounts.view"]);
    list_behaves(voice(), "accounts.v1.MemberService/ListMembers", &[]).await;
    list_behaves(voice(), "accounts.v1.MemberService/ListMembers", &[("account_id", &account.id)]).await;
    list_behaves(voice(), "accounts.v1.MemberService/ListAccountMembers", &[("account_id", &account.id)]).await;
}

#[tokio::test]
async fn accounts_are_sorted_as_asked() {
    let house = house().await;
    let mut desk = desk(&house);
    for name in ["Cruz", "Abel", "Bohm"] {
        desk.open(family(name)).await;
    }
    for (sort, order, names) in [
        ("", 0, ["Abel", "Bohm", "Cruz"]),
        ("name", 1, ["Abel", "Bohm", "Cruz"]),
        ("name", 2, ["Cruz", "Bohm", "Abel"]),
        ("number", 0, ["Cruz", "Abel", "Bohm"]),
        ("number", 2, ["Bohm", "Abel", "Cruz"]),
        ("createdAt", 0, ["Cruz", "Abel", "Bohm"]),
        ("created_at", 2, ["Bohm", "Abel", "Cruz"]),
    ] {
        // Without a text, with one that all contain, and with one that all only resemble.
        for q in ["", "10000", "1000019"] {
            let request =
                pb::ListAccountsRequest { sort: sort.to_owned(), order, q: q.to_owned(), ..Default::default() };
            let answer = desk.accounts.list_accounts(request).await.unwrap().into_inner();
            let listed: Vec<&str> = answer.data.iter().map(|account| account.name.as_str()).collect();
            if q == "1000019" && sort.is_empty() {
                assert_eq!(listed.iter().collect::<BTreeSet<_>>(), names.iter().collect(), "q={q} sort={sort}");
            } else {
                assert_eq!(listed, names, "q={q} sort={sort} order={order}");
            }
        }
    }
    let request = pb::ListAccountsRequest { sort: "email".to_owned(), ..Default::default() };
    let refused = desk.accounts.list_accounts(request).await.unwrap_err();
    assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec!["sort".to_owned()]));
}

#[tokio::test]
async fn members_are_sorted_as_asked() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Abel")).await;
    for (first, last) in [("Zoe", "Abel"), ("Ada", "Bohm"), ("Ada", "Abel")] {
        desk.add(person(&account, first, last)).await;
    }
    for (sort, order, names) in [
        ("", 0, ["Ada Abel", "Zoe Abel", "Ada Bohm"]),
        ("name", 2, ["Ada Bohm", "Zoe Abel", "Ada Abel"]),
        ("number", 0, ["Zoe Abel", "Ada Bohm", "Ada Abel"]),
        ("createdAt", 2, ["Ada Abel", "Ada Bohm", "Zoe Abel"]),
    ] {
        for q in ["", "1000", "1000019"] {
            let request =
                pb::ListMembersRequest { sort: sort.to_owned(), order, q: q.to_owned(), ..Default::default() };
            let answer = desk.members.list_members(request).await.unwrap().into_inner();
            let listed: Vec<String> = answer.data.iter().map(|m| format!("{} {}", m.first_name, m.last_name)).collect();
            if q == "1000019" && sort.is_empty() {
                assert_eq!(listed.len(), 3);
            } else {
                assert_eq!(listed, names, "q={q} sort={sort} order={order}");
            }
        }
    }
}

#[tokio::test]
async fn the_archived_are_listed_when_they_are_asked_for() {
    let house = house().await;
    let mut desk = desk(&house);
    let mut ids = Vec::new();
    for name in NAMES {
        ids.push(desk.open(family(name)).await.id);
    }
    desk.open(pb::Account { kind: pb::account::Kind::Business.into(), ..family("Bohm School") }).await;
    desk.accounts.archive_account(pb::ArchiveAccountRequest { id: ids[1].clone() }).await.unwrap();

    for (state, kind, q, names) in [
        (None, None, "bohm", vec!["Bohm School"]),
        (Some(1), None, "bohm", vec!["Bohm School"]),
        (Some(2), None, "bohm", vec!["Bohm"]),
        (Some(2), None, "", vec!["Bohm"]),
        (Some(2), Some(3), "", vec![]),
        (None, Some(3), "", vec!["Bohm School"]),
        (Some(0), Some(0), "frey", vec!["Frey"]),
        // Only an archived account contains it, and an active one resembles it.
        (None, Some(1), "bohm", vec![]),
        (Some(2), None, "bohn", vec!["Bohm"]),
        (None, None, "bohn", vec!["Bohm School"]),
    ] {
        let request = pb::ListAccountsRequest { state, kind, q: q.to_owned(), ..Default::default() };
        let answer = desk.accounts.list_accounts(request).await.unwrap().into_inner();
        let listed: Vec<&str> = answer.data.iter().map(|account| account.name.as_str()).collect();
        assert_eq!(listed, names, "state={state:?} kind={kind:?} q={q}");
        assert_eq!(answer.pagination.unwrap().total, i64::try_from(names.len()).unwrap());
    }
}
