use accounts::Accounts;
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_export_service_client::AccountExportServiceClient;
use proto::accounts::v1::account_import::State;
use proto::common::v1::Address;
use testing::House;

use crate::account_import::{errors, import, imports, upload, work};
use crate::{Desk, desk, family, house, person};

async fn export(house: &House<Accounts>) -> String {
    export_of(house, pb::ExportAccountsRequest::default()).await
}

async fn export_of(house: &House<Accounts>, request: pb::ExportAccountsRequest) -> String {
    let mut exports = AccountExportServiceClient::new(house.user(&["accounts.admin"]));
    let mut pieces = exports.export_accounts(request).await.unwrap().into_inner();
    let mut file = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        file.extend(piece.page.unwrap().data);
    }
    String::from_utf8(file).unwrap()
}

/// What a shop knows of its accounts and members, without what is made anew: ids, and instants.
async fn known(desk: &mut Desk) -> (Vec<pb::Account>, Vec<pb::Member>) {
    let request = pb::ListAccountsRequest { limit: 100, sort: "number".to_owned(), ..Default::default() };
    let mut accounts = desk.accounts.list_accounts(request).await.unwrap().into_inner().data;
    let request = pb::ListMembersRequest { limit: 100, sort: "number".to_owned(), ..Default::default() };
    let mut members = desk.members.list_members(request).await.unwrap().into_inner().data;
    for member in &mut members {
        let account = accounts.iter().find(|account| account.id == member.account_id).unwrap();
        *member = pb::Member {
            id: String::new(),
            account_id: account.number.clone(),
            created_at: None,
            updated_at: None,
            etag: String::new(),
            ..member.clone()
        };
    }
    for account in &mut accounts {
        *account = pb::Account {
            id: String::new(),
            created_at: None,
            updated_at: None,
            etag: String::new(),
            ..account.clone()
        };
    }
    (accounts, members)
}

#[tokio::test]
async fn an_export_imported_into_an_empty_shop_is_the_same_shop() {
    let house = house().await;
    let mut desk = desk(&house);
    let miller = desk
        .open(pb::Account {
            email: Some("ann@example.test".to_owned()),
            phone: Some("+1 312 555 0100".to_owned()),
            address: Some(Address {
                line1: "1 Elm Street".to_owned(),
                line2: Some("=Apartment 2".to_owned()),
                city: "Chicago".to_owned(),
                region: Some("IL".to_owned()),
                postal_code: "60614".to_owned(),
                country: "US".to_owned(),
            }),
            notes: Some("says \"hi\",\nand '=1+1'".to_owned()),
            billing_mode: pb::account::BillingMode::Split.into(),
            ..family("Miller, Ann & Söhne")
        })
        .await;
    desk.open(pb::Account { kind: pb::account::Kind::Business.into(), ..family("@Lakeside 'School'") }).await;
    let okafor = desk.open(pb::Account { kind: pb::account::Kind::Individual.into(), ..family("-") }).await;
    for (account, first, born_on) in
        [(&miller, "Ann", Some("1980-02-29")), (&okafor, "Ada", None), (&miller, "Ben", None)]
    {
        let email = Some(format!("{first}@example.test"));
        desk.add(pb::Member { born_on: born_on.map(str::to_owned), email, ..person(account, first, "O'=Neil") }).await;
    }

    let file = export(&house).await;
    for line in file.lines() {
        assert!(!line.split(',').any(|cell| cell.trim_matches('"').starts_with(['=', '+', '-', '@'])), "{line}");
    }
    let empty = self::house().await;
    let mut imports = imports(&empty);
    let id = upload(&mut imports, &file, false).await;
    work(&empty).await.unwrap();
    assert_eq!(import(&mut imports, &id).await.state(), State::Published);

    let (accounts, mut members) = known(&mut self::desk(&empty)).await;
    let (wanted, mut wanted_members) = known(&mut desk).await;
    assert_eq!(accounts, wanted);
    // Members are numbered in the order of the file, account by account.
    for members in [&mut members, &mut wanted_members] {
        members.sort_by_key(|member| member.first_name.clone());
        members.iter_mut().for_each(|member| member.number.clear());
    }
    assert_eq!(members, wanted_members);
    assert_eq!(export(&empty).await, file);
}

#[tokio::test]
async fn an_export_of_many_accounts_is_whole_and_recorded() {
    let house = house().await;
    let mut imports = imports(&house);
    let content: String = (0..1203).map(|n| format!("individual,Customer {n},First,Last\n")).collect();
    let content = format!("kind,name,member_first_name,member_last_name\n{content}");
    upload(&mut imports, &content, false).await;
    work(&house).await.unwrap();

    let file = export(&house).await;

    assert_eq!(file.lines().count(), 1204);
    for n in 0..1203 {
        assert!(file.contains(&format!(",Customer {n},")), "{n}");
    }
    let recorded = ("accounts.v1.AccountExportService/ExportAccounts".to_owned(), "account_export".to_owned());
    assert_eq!(house.audited().await.last(), Some(&recorded));
}

#[tokio::test]
async fn an_export_holds_the_accounts_of_the_state_that_was_asked_for() {
    let house = house().await;
    let mut desk = desk(&house);
    let [main, twin, old] =
        [desk.open(family("Main")).await, desk.open(family("Twin")).await, desk.open(family("Old")).await];
    desk.merge(&main.id, &twin.id).await.unwrap();
    desk.accounts.archive_account(pb::ArchiveAccountRequest { id: old.id }).await.unwrap();
    for (state, name) in [
        (None, "Main"),
        (Some(pb::account::State::Active), "Main"),
        (Some(pb::account::State::Archived), "Old"),
        (Some(pb::account::State::Merged), "Twin"),
    ] {
        let file = export_of(&house, pb::ExportAccountsRequest { state: state.map(Into::into) }).await;
        let names: Vec<_> = file.lines().skip(1).map(|line| line.split(',').nth(2).unwrap()).collect();
        assert_eq!(names, [name], "{state:?}");
    }
}

#[tokio::test]
async fn a_billing_mode_that_is_none_is_blamed_in_its_column() {
    let house = house().await;
    let mut imports = imports(&house);
    let id = upload(&mut imports, "kind,name,billing_mode\nfamily,A,Split\nfamily,B,\nfamily,C,both\n", false).await;
    work(&house).await.unwrap();
    let errors = errors(&mut imports, &id).await;
    let blamed: Vec<_> = errors.iter().map(|(line, field, _)| (*line, field.as_str())).collect();
    assert_eq!(blamed, [(4, "billing_mode")]);
}
