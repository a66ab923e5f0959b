use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::contact_service_client::ContactServiceClient;
use proto::accounts::v1::duplicate_service_client::DuplicateServiceClient;
use proto::accounts::v1::phone_number_service_client::PhoneNumberServiceClient;
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
async fn whoever_can_be_reached_there_may_be_the_one() {
    let house = house().await;
    let mut desk = desk(&house);
    let school = desk.open(called("Lakeside School", "", "")).await;
    let miller = desk.open(called("Miller Family", "", "")).await;
    let ann = desk.add(person(&miller, "Ann", "Miller")).await;
    let bursar = pb::Contact {
        account_id: school.id.clone(),
        name: "Quentin Zabala".to_owned(),
        email: Some("bursar@school.test".to_owned()),
        phone: Some("(312) 555-0188".to_owned()),
        ..Default::default()
    };
    let request = pb::CreateContactRequest { contact: Some(bursar) };
    ContactServiceClient::new(house.user(&["accounts.edit"])).create_contact(request).await.unwrap();
    let number = |account_id: &str, member_id: &str, number: &str| pb::PhoneNumber {
        account_id: Some(account_id.to_owned()).filter(|id| !id.is_empty()),
        member_id: Some(member_id.to_owned()).filter(|id| !id.is_empty()),
        kind: pb::phone_number::Kind::Mobile.into(),
        number: number.to_owned(),
        ..Default::default()
    };
    let mut numbers = PhoneNumberServiceClient::new(house.user(&["accounts.edit"]));
    let phone_number = Some(number(&school.id, "", "312 555 0144"));
    numbers.create_account_phone_number(pb::CreateAccountPhoneNumberRequest { phone_number }).await.unwrap();
    let phone_number = Some(number("", &ann.id, "+1 773 555 0166"));
    numbers.create_member_phone_number(pb::CreateMemberPhoneNumberRequest { phone_number }).await.unwrap();

    for (email, phone, found) in [
        ("BURSAR@school.test", "", Some(("Lakeside School", Why::Email))),
        ("", "+13125550188", Some(("Lakeside School", Why::Phone))),
        ("", "3125550144", Some(("Lakeside School", Why::Phone))),
        ("", "(773) 555-0166", Some(("Miller Family", Why::Phone))),
        ("teacher@school.test", "312 555 0145", None),
    ] {
        let expected: Vec<_> = found.map(|(name, why)| (name.to_owned(), vec![why])).into_iter().collect();
        assert_eq!(known(&house, "", email, phone).await, expected, "{email} {phone}");
    }
    let warned = desk.open(called("Zabala", "bursar@school.test", "312-555-0188")).await.possible_duplicates;
    assert_eq!(warned.iter().map(|one| &one.account_id).collect::<Vec<_>>(), [&school.id]);
    assert_eq!(warned[0].why().collect::<Vec<_>>(), [Why::Email, Why::Phone]);

    desk.members.archive_member(pb::ArchiveMemberRequest { id: ann.id }).await.unwrap();
    assert_eq!(known(&house, "", "", "773 555 0166").await, [], "who comes no more is not looked at");
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
    let reach = "with contacts as (
                     insert into contact (id, account_id, name, email, phone, phone_e164)
                     select gen_random_uuid(), id, name, email, phone, '+1' || phone from account limit 1000
                 )
                 insert into phone_number (id, account_id, kind, typed, e164)
                 select gen_random_uuid(), id, 'work', phone, '+1' || phone from account limit 1000";
    sqlx::query(reach).execute(&mut sql).await.unwrap();
    sqlx::query("analyze account, contact, phone_number").execute(&mut sql).await.unwrap();
    for (table, condition, index) in [
        ("account", "email is not null and lower(email) = lower('a@b.c')", "account_email"),
        ("account", "phone is not null and phone_tail(phone) = phone_tail('312 555 0101')", "account_phone"),
        ("account", "name_core(name) % name_core('miller')", "account_name_core"),
        ("contact", "email is not null and lower(email) = lower('a@b.c')", "contact_email"),
        (
            "contact",
            "phone_e164 is not null and phone_tail(phone_e164) = phone_tail('312 555 0101')",
            "contact_phone_tail",
        ),
        ("phone_number", "phone_tail(e164) = phone_tail('312 555 0101')", "phone_number_tail"),
    ] {
        let explain = sqlx::AssertSqlSafe(format!("explain select id from {table} where {condition}"));
        let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut sql).await.unwrap();
        assert!(plan.iter().any(|line| line.contains(index)), "{condition}: {plan:?}");
    }
}

#[tokio::test]
async fn of_equals_at_the_same_time_one_is_opened_when_duplicates_are_refused() {
    let house = house().await;
    // Names that nothing else resembles.
    let mut letters = (b'a'..=b'z').map(|letter| char::from(letter).to_string().repeat(8));
    for (round, alike) in (0..3).flat_map(|round| ["name", "email", "phone"].map(|alike| (round, alike))) {
        let opened: Vec<_> = (0..4)
            .map(|_| {
                let mut desk = desk(&house);
                let account = match alike {
                    "name" => called(&round.to_string().repeat(8), "", ""),
                    "email" => called(&letters.next().unwrap(), &format!("Same{round}@example.test"), ""),
                    _ => called(&letters.next().unwrap(), "", &format!("(312) 555-01{round}7")),
                };
                let request = pb::CreateAccountRequest { account: Some(account), refuse_duplicates: true };
                spawn(async move { desk.accounts.create_account(request).await })
            })
            .collect();
        let mut taken = 0;
        for opened in opened {
            match opened.await.unwrap() {
                Ok(_) => taken += 1,
                Err(refused) => assert_eq!(reason(&refused), "POSSIBLE_DUPLICATES", "{alike} {round}"),
            }
        }
        assert_eq!(taken, 1, "{alike} {round}");
    }
}
