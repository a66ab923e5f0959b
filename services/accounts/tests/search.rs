use accounts::Accounts;
use proto::accounts::v1 as pb;
use testing::House;

use crate::{Desk, desk, family, house, person};

async fn shop(house: &House<Accounts>) -> Desk {
    let mut desk = desk(house);
    let account = |name: &str, email: &str, phone: &str| pb::Account {
        email: Some(email.to_owned()),
        phone: Some(phone.to_owned()),
        ..family(name)
    };
    desk.open(account("Johnson Family", "Pat.Johnson@example.test", "+1555123-0100")).await;
    desk.open(account("100% Brass", "brass_band@example.test", "(312) 555-0199 ext 4")).await;
    desk.open(account("O'Connor & Söhne", "office@OConnor.test", "773.555.0142")).await;
    desk.open(account("Studio 24/7", "info@studio.test", "0041 44 555 01 23")).await;
    desk
}

#[tokio::test]
async fn any_part_of_a_name_an_address_a_number_or_a_phone_is_found_whatever_the_case() {
    let house = house().await;
    let mut desk = shop(&house).await;

    for (q, names) in [
        ("ohnso", vec!["Johnson Family"]),
        ("JOHNSON", vec!["Johnson Family"]),
        ("SÖHNE", vec!["O'Connor & Söhne"]),
        ("o'con", vec!["O'Connor & Söhne"]),
        ("pat.johnson@EXAMPLE", vec!["Johnson Family"]),
        ("100002", vec!["100% Brass"]),
        ("00003", vec!["O'Connor & Söhne"]),
        ("(555) 123", vec!["Johnson Family"]),
        ("+1 (555) 123-01", vec!["Johnson Family"]),
        ("555123-0100", vec!["Johnson Family"]),
        ("773-555-0142", vec!["O'Connor & Söhne"]),
        ("7735550142", vec!["O'Connor & Söhne"]),
        ("0199 ext", vec!["100% Brass"]),
        ("4455501", vec!["Studio 24/7"]),
        ("24/7", vec!["Studio 24/7"]),
        ("  brass  ", vec!["100% Brass"]),
        // One and two letters are no help to the index, and are found all the same.
        ("&", vec!["O'Connor & Söhne"]),
        ("jo", vec!["Johnson Family"]),
        ("'", vec!["O'Connor & Söhne"]),
    ] {
        let found = desk.found(q).await;
        assert_eq!(found.1, i64::try_from(names.len()).unwrap(), "{q}");
        assert_eq!(found.0, names, "{q}");
    }
}

#[tokio::test]
async fn percent_underscore_and_backslash_mean_themselves() {
    let house = house().await;
    let mut desk = shop(&house).await;

    assert_eq!(desk.found("100%").await, (vec!["100% Brass".to_owned()], 1));
    assert_eq!(desk.found("%").await, (vec!["100% Brass".to_owned()], 1));
    assert_eq!(desk.found("_").await, (vec!["100% Brass".to_owned()], 1));
    assert_eq!(desk.found("brass_band").await.1, 1);
    assert_eq!(desk.found("\\").await, (vec![], 0));
    assert_eq!(desk.found("%%%").await, (vec![], 0));
    assert_eq!(desk.found("a%z").await, (vec![], 0));
}

#[tokio::test]
async fn when_nothing_contains_the_text_what_resembles_it_is_found() {
    let house = house().await;
    let mut desk = shop(&house).await;
    for n in 0..30 {
        desk.open(family(&format!("Thompson Family {n:02}"))).await;
    }

    for (q, name) in [("Jonson", "Johnson Family"), ("brasss band", "100% Brass"), ("oconnr", "O'Connor & Söhne")] {
        assert_eq!(desk.found(q).await, (vec![name.to_owned()], 1), "{q}");
    }
    let request = |page| pb::ListAccountsRequest { q: "thompsen".to_owned(), page, limit: 20, ..Default::default() };
    let mut names = Vec::new();
    for page in 1..=3 {
        let answer = desk.accounts.list_accounts(request(page)).await.unwrap().into_inner();
        assert_eq!(answer.pagination.unwrap().total, 30, "page {page}");
        names.extend(answer.data.into_iter().map(|account| account.name));
    }
    assert_eq!(names, (0..30).map(|n| format!("Thompson Family {n:02}")).collect::<Vec<_>>());
    assert_eq!(desk.found("wolfgang").await, (vec![], 0));
}

#[tokio::test]
async fn what_resembles_most_comes_first() {
    let house = house().await;
    let mut desk = desk(&house);
    for name in ["Andersen Anders", "Anderssohn", "Zed Anderson"] {
        desk.open(family(name)).await;
    }

    let (names, total) = desk.found("andersons").await;

    assert_eq!((names[0].as_str(), total), ("Zed Anderson", 3), "{names:?}");
    let request = pb::ListAccountsRequest { q: "andersons".to_owned(), sort: "name".to_owned(), ..Default::default() };
    let sorted = desk.accounts.list_accounts(request).await.unwrap().into_inner().data;
    assert_eq!(sorted[0].name, "Andersen Anders");
}

#[tokio::test]
async fn members_are_found_in_the_same_ways() {
    let house = house().await;
    let mut desk = desk(&house);
    let (miller, okafor) = (desk.open(family("Miller")).await, desk.open(family("Okafor")).await);
    let ann = pb::Member {
        email: Some("Ann@example.test".to_owned()),
        phone: Some("(312) 555-0100".to_owned()),
        born_on: Some("1990-01-01".to_owned()),
        ..person(&miller, "Annabel", "Miller")
    };
    desk.add(ann).await;
    desk.add(person(&miller, "Christopher", "Miller")).await;
    desk.add(person(&okafor, "Christopher", "Okafor")).await;

    for (q, account_id, is_minor, names) in [
        ("bel mil", None, None, vec!["Annabel Miller"]),
        ("ANN@", None, None, vec!["Annabel Miller"]),
        ("312-555", None, None, vec!["Annabel Miller"]),
        ("100003", None, None, vec!["Christopher Okafor"]),
        ("christopher", None, None, vec!["Christopher Miller", "Christopher Okafor"]),
        ("christopher", Some(&okafor.id), None, vec!["Christopher Okafor"]),
        ("miller", None, Some(false), vec!["Annabel Miller"]),
        ("cristopher", None, None, vec!["Christopher Miller", "Christopher Okafor"]),
        ("cristopher", Some(&miller.id), None, vec!["Christopher Miller"]),
        ("cristopher", None, Some(false), vec![]),
        ("cristopher", None, Some(true), vec!["Christopher Miller", "Christopher Okafor"]),
        ("%", None, None, vec![]),
    ] {
        let request =
            pb::ListMembersRequest { q: q.to_owned(), account_id: account_id.cloned(), is_minor, ..Default::default() };
        let answer = desk.members.list_members(request).await.unwrap().into_inner();
        let found: Vec<String> = answer.data.iter().map(|m| format!("{} {}", m.first_name, m.last_name)).collect();
        assert_eq!(found, names, "q={q} account={account_id:?} minor={is_minor:?}");
        assert_eq!(answer.pagination.unwrap().total, i64::try_from(names.len()).unwrap(), "{q}");
    }
    let request =
        pb::ListAccountMembersRequest { q: "cristopher".to_owned(), account_id: miller.id, ..Default::default() };
    let answer = desk.members.list_account_members(request).await.unwrap().into_inner();
    assert_eq!((answer.data.len(), answer.pagination.unwrap().total), (1, 1));
}
