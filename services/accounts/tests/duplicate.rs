use proto::accounts::v1 as pb;
use proto::accounts::v1::duplicate_service_client::DuplicateServiceClient;
use proto::accounts::v1::possible_duplicate::Why;
use testing::House;
use tonic::Code;

use crate::{desk, family, fields, house, person, reason};

fn called(name: &str, email: &str, phone: &str) -> pb::Account {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    pb::Account { email: some(email), phone: some(phone), ..family(name) }
}

async fn known(house: &House<accounts::Accounts>, name: &str, email: &str, phone: &str) -> Vec<(String, Vec<Why>)> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let request = pb::ListPossibleDuplicatesRequest { name: some(name), email: some(email), phone: some(phone) };
    let mut client = DuplicateServiceClient::new(house.user(&["accounts.view"]));
    let data = client.list_possible_duplicates(request).await.unwrap().into_inner().data;
    data.into_iter().map(|one| (one.name.clone(), one.why().collect())).collect()
}

#[tokio::test]
async fn who_is_known_already_is_said_and_opened_all_the_same() {
    let house = house().await;
    let mut desk = desk(&house);
    let first = desk.open(called("Miller Family", "ann@example.test", "(312) 555-0101")).await;
    assert_eq!(first.possible_duplicates, []);

    let again = desk.open(called("Millar family", "ANN@example.test", "+1 312 555 0101")).await;

    let alike = pb::PossibleDuplicate {
        account_id: first.id.clone(),
        number: first.number.clone(),
        name: "Miller Family".to_owned(),
        why: vec![Why::Email.into(), Why::Phone.into()],
    };
    assert_eq!(again.possible_duplicates, [alike]);
    assert_eq!(desk.account(&again.id).await.possible_duplicates, [], "it is said once");
    let told = house.events::<pb::AccountChanged>().await;
    assert_eq!(told[1].account.as_ref().unwrap().possible_duplicates, [], "and to nobody else");
}

#[tokio::test]
async fn whoever_asks_for_it_opens_nothing_that_is_known_already() {
    let house = house().await;
    let mut desk = desk(&house);
    let first = desk.open(called("Miller Family", "ann@example.test", "")).await;

    let mut request =
        pb::CreateAccountRequest { account: Some(called("Okafor", "Ann@Example.test", "")), refuse_duplicates: true };
    let refused = desk.accounts.create_account(request.clone()).await.unwrap_err();

    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "POSSIBLE_DUPLICATES"));
    assert_eq!(fields(&refused), ["account.email"]);
    assert!(format!("{refused:?}").contains(&first.number), "the candidate is named: {refused:?}");
    assert_eq!(house.events::<pb::AccountChanged>().await.len(), 1, "nothing was opened");
    request.account = Some(called("Okafor", "ben@example.test", ""));
    desk.accounts.create_account(request).await.unwrap();
}

#[tokio::test]
async fn it_can_be_asked_beforehand_what_is_alike() {
    let house = house().await;
    let mut desk = desk(&house);
    let miller = desk.open(called("Miller Family", "ann@example.test", "312-555-0101")).await;
    desk.open(called("Okafor Household", "", "+49 30 1234567")).await;
    let parent = pb::Member {
        email: Some("parent@example.test".to_owned()),
        phone: Some("773 555 0102".to_owned()),
        ..person(&miller, "Pat", "Miller")
    };
    desk.add(parent).await;

    for (name, email, phone, found) in [
        ("", "ANN@EXAMPLE.TEST", "", Some(("Miller Family", Why::Email))),
        ("", "parent@example.test", "", Some(("Miller Family", Why::Email))),
        ("", "", "3125550101", Some(("Miller Family", Why::Phone))),
        ("", "", "+1 (773) 555-0102", Some(("Miller Family", Why::Phone))),
        ("", "", "030 1234567", Some(("Okafor Household", Why::Phone))),
        ("the OKAFOR family", "", "", Some(("Okafor Household", Why::Name))),
        ("Okafer", "", "", None),
        ("Okaforr", "", "", Some(("Okafor Household", Why::Name))),
        ("The Family", "", "", None),
        ("", "nobody@example.test", "555", None),
        ("", "", "", None),
    ] {
        let expected: Vec<_> = found.map(|(name, why)| (name.to_owned(), vec![why])).into_iter().collect();
        assert_eq!(known(&house, name, email, phone).await, expected, "{name} {email} {phone}");
    }
}

#[tokio::test]
async fn a_child_with_a_parents_phone_is_a_person_of_its_own() {
    let house = house().await;
    let mut desk = desk(&house);
    let miller = desk.open(called("Miller Family", "", "312-555-0101")).await;
    let with_phone = |first_name: &str| pb::Member {
        phone: Some("312-555-0101".to_owned()),
        ..person(&miller, first_name, "Miller")
    };
    let (parent, child) = (desk.add(with_phone("Ann")).await, desk.add(with_phone("Ben")).await);
    assert_ne!(parent.id, child.id);
    // The child, grown up, has an account of his own, and the parent's is only pointed at.
    let own = desk.open(called("Ben", "", "312-555-0101")).await;
    assert_eq!(own.possible_duplicates[0].account_id, miller.id);
}

#[tokio::test]
async fn every_look_goes_through_an_index() {
    let house = house().await;
    let mut sql = house.sql().await;
    let fill = "insert into account (id, kind, name, email, phone)
                select gen_random_uuid(), 'family', md5(n::text), md5(n::text) || '@example.test', (3120000000 + n)::text
                  from generate_series(1, 20000) n";
    sqlx::query(fill).execute(&mut sql).await.unwrap();
    sqlx::query("analyze account").execute(&mut sql).await.unwrap();
    for (condition, index) in [
        ("email is not null and lower(email) = lower('a@b.c')", "account_email"),
        ("phone is not null and phone_tail(phone) = phone_tail('312 555 0101')", "account_phone"),
        ("name_core(name) % name_core('miller')", "account_name_core"),
    ] {
        let explain = sqlx::AssertSqlSafe(format!("explain select id from account where {condition}"));
        let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut sql).await.unwrap();
        assert!(plan.iter().any(|line| line.contains(index)), "{condition}: {plan:?}");
    }
}
