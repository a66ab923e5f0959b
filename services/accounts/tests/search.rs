use accounts::Accounts;
use proto::accounts::v1 as pb;
use proto::accounts::v1::contact_service_client::ContactServiceClient;
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

#[tokio::test]
async fn names_are_found_whether_or_not_their_accents_are_typed() {
    let house = house().await;
    let mut desk = desk(&house);
    let names = ["Bjørk Çelik Übermut", "Müller-Åström", "Nunez", "Nuñez Ibáñez", "Straße & Łódź", "Zed O’Connor"];
    for name in names {
        desk.open(family(name)).await;
    }

    for (q, found) in [
        ("bjork", vec![names[0]]),
        ("BJØRK", vec![names[0]]),
        ("celik ubermut", vec![names[0]]),
        ("Çelik Übermut", vec![names[0]]),
        ("Ibanez", vec![names[3]]),
        ("nunez", vec![names[2], names[3]]),
        ("Núñez", vec![names[2], names[3]]),
        ("nun\u{303}ez", vec![names[2], names[3]]),
        ("Muller-Astrom", vec![names[1]]),
        ("Muller Astrom", vec![names[1]]),
        ("strasse", vec![names[4]]),
        ("ﬆrasse", vec![names[4]]),
        ("STRASSE & LODZ", vec![names[4]]),
        ("o'connor", vec![names[5]]),
        ("\u{ff11}\u{ff10}0002", vec![names[1]]),
        ("çx", vec![]),
    ] {
        let total = i64::try_from(found.len()).unwrap();
        assert_eq!(desk.found(q).await, (found.into_iter().map(str::to_owned).collect(), total), "{q}");
    }
}

#[tokio::test]
async fn members_and_contacts_are_found_without_their_accents_too() {
    let house = house().await;
    let mut desk = desk(&house);
    let family = desk.open(family("Ortega")).await;
    desk.add(person(&family, "Renée", "Núñez")).await;
    let contact = pb::Contact { account_id: family.id, name: "Zoë Brontë".to_owned(), ..Default::default() };
    let mut contacts = ContactServiceClient::new(house.user(&["accounts.admin"]));
    contacts.create_contact(pb::CreateContactRequest { contact: Some(contact) }).await.unwrap();

    assert_eq!(desk.found("zoe bronte").await.0, ["Ortega"]);
    for q in ["nunez", "renee nunez", "RENÉE", "Núnez"] {
        let request = pb::ListMembersRequest { q: q.to_owned(), ..Default::default() };
        let answer = desk.members.list_members(request).await.unwrap().into_inner();
        assert_eq!((answer.data.len(), answer.pagination.unwrap().total), (1, 1), "{q}");
    }
}

#[tokio::test]
async fn the_longest_name_with_accents_is_taken_and_found_by_its_beginning() {
    let house = house().await;
    let mut desk = desk(&house);
    // Letters of four bytes that do not compress.
    let letter = |n: u32| char::from_u32(0x2_0000 + n.wrapping_mul(2_654_435_761) % 0xA6D0);
    let name = format!("Zoë{}", (0..197).filter_map(letter).collect::<String>());
    let email = Some(format!("{}@{}.test", "a".repeat(64), "b".repeat(184)));

    let account = desk.open(pb::Account { email, ..family(&name) }).await;

    assert_eq!(account.name.chars().count(), 200);
    for q in ["zoe", &name] {
        assert_eq!(desk.found(q).await, (vec![name.clone()], 1), "{q}");
    }
}

#[tokio::test]
async fn a_text_in_plain_letters_is_folded_by_its_case_alone() {
    let house = house().await;
    let sql = "select count(*) from generate_series(1, 127) as code where folded(chr(code)) <> lower(chr(code))";
    let others: i64 = sqlx::query_scalar(sql).fetch_one(&mut house.sql().await).await.unwrap();
    assert_eq!(others, 0);
}

#[tokio::test]
async fn the_rows_from_before_are_folded_a_thousand_at_a_time_and_again_when_that_was_broken_off() {
    let house = house().await;
    let mut desk = desk(&house);
    let mut sql = house.sql().await;
    let (merged, into) = (desk.open(family("Müller")).await, desk.open(family("Muller")).await);
    desk.merge(&into.id, &merged.id).await.unwrap();
    let before = "alter table account disable trigger account_searchable, disable trigger account_merges;
        insert into account (id, kind, name, search_text)
        select gen_random_uuid(), 'family', 'Zoë ' || n, 'zoë ' || n from generate_series(1, 1200) n;
        update account set search_text = lower(name) where state = 'merged';
        alter table account enable always trigger account_searchable, enable trigger account_merges";
    for statement in before.split(';') {
        sqlx::raw_sql(statement).execute(&mut sql).await.unwrap();
    }

    for _ in 0..2 {
        sqlx::raw_sql(include_str!("../migrations/0061_fold_rows.sql")).execute(&mut sql).await.unwrap();
        let unfolded =
            "select count(*) from account where name ~ '[ëü]' and search_text not like E'%\\n' || folded(name)";
        let left: i64 = sqlx::query_scalar(unfolded).fetch_one(&mut sql).await.unwrap();
        assert_eq!((left, desk.found("zoe").await.1), (0, 1200));
    }
}
