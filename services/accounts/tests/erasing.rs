//! Who is forgotten, and what goes with him.

use accounts::Accounts;
use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::account::Kind;
use proto::accounts::v1::account_service_client::AccountServiceClient;
use proto::accounts::v1::member_service_client::MemberServiceClient;
use proto::accounts::v1::tax_exemption_service_client::TaxExemptionServiceClient;
use testing::House;
use tonic::Code;

use crate::identity_document::{documents, record};
use crate::note::{notes, tables_that_hold};
use crate::personal_data::erase;
use crate::{Desk, desk, family, house, person, reason};

/// An account with a name, an e-mail address, a phone and notes, and one person on it.
async fn alone(desk: &mut Desk, kind: Kind, name: &str) -> (pb::Account, pb::Member) {
    let account = pb::Account {
        kind: kind.into(),
        email: Some(format!("{}@example.test", name.to_lowercase())),
        phone: Some("+1 312 555 0142".to_owned()),
        notes: Some(format!("{name} pays late")),
        ..family(name)
    };
    let account = desk.open(account).await;
    let member = desk.add(person(&account, name, "Quist")).await;
    (account, member)
}

fn is_forgotten(account: &pb::Account) -> bool {
    let known = [&account.email, &account.phone, &account.phone_e164, &account.notes];
    account.name == format!("Account {}", account.number) && known.iter().all(|known| known.is_none())
}

async fn is_counted_right(house: &House<Accounts>) -> bool {
    sqlx::query_scalar(
        "select bool_and(member_count = (select count(*) from member m where m.account_id = a.id and m.state = 'active'))
           from account a",
    )
    .fetch_one(&mut house.sql().await)
    .await
    .unwrap()
}

/// The names of the merged accounts that a search finds.
async fn tombstones(desk: &mut Desk, q: &str) -> Vec<String> {
    let state = Some(pb::account::State::Merged.into());
    let request = pb::ListAccountsRequest { state, q: q.to_owned(), ..Default::default() };
    desk.accounts.list_accounts(request).await.unwrap().into_inner().data.into_iter().map(|a| a.name).collect()
}

#[tokio::test]
async fn whoever_is_erased_while_he_moves_or_is_merged_is_counted_right() {
    let house = house().await;
    let mut desk = desk(&house);
    for round in 0..12 {
        let (from, to) = (desk.open(family("From")).await, desk.open(family("To")).await);
        let members = [desk.add(person(&from, "Ann", "A")).await, desk.add(person(&from, "Ben", "B")).await];
        let goes = {
            let (mut desk, from, to) = (self::desk(&house), from.id.clone(), to.id.clone());
            let moved = members[0].id.clone();
            spawn(async move {
                if round % 2 == 0 {
                    desk.merge(&to, &from).await.map(|_| ())
                } else {
                    let request = pb::MoveMemberRequest { id: moved, account_id: to };
                    desk.members.move_member(request).await.map(|_| ())
                }
            })
        };
        let (first, second) = tokio::join!(erase(&house, &members[0].id), erase(&house, &members[1].id));
        let gone = [first.map(|_| ()), second.map(|_| ()), goes.await.unwrap()];
        for refused in gone.into_iter().filter_map(Result::err) {
            let reason = reason(&refused);
            assert!(["MEMBER_CHANGED", "ERASED", "COLLISION"].contains(&reason.as_str()), "{refused:?}");
        }
        assert!(is_counted_right(&house).await, "round {round}");
    }
}

#[tokio::test]
async fn nothing_is_written_down_of_who_was_erased() {
    let house = house().await;
    let mut desk = desk(&house);
    let (_, member) = alone(&mut desk, Kind::Individual, "Zebulon").await;
    let other = desk.open(family("Miller")).await;
    erase(&house, &member.id).await.unwrap();

    let note = pb::Note { text: Some("He is back".to_owned()), ..Default::default() };
    let request = pb::CreateMemberNoteRequest { member_id: member.id.clone(), note: Some(note) };
    let noted = notes(&house, "accounts.edit").create_member_note(request).await.map(|_| ());
    let recorded = record(&mut documents(&house), &member.id, "M123-4567-8901", None).await.map(|_| ());
    let request = pb::OverrideMinorRequest {
        id: member.id.clone(),
        counts_as: pb::minor_override::CountsAs::Adult.into(),
        reason: "looks it".to_owned(),
    };
    let counted = desk.members.override_minor(request).await.map(|_| ());
    let request = pb::MoveMemberRequest { id: member.id.clone(), account_id: other.id };
    let moved = desk.members.move_member(request).await.map(|_| ());

    for (what, done) in [("note", noted), ("document", recorded), ("override", counted), ("move", moved)] {
        let refused = done.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ERASED"), "{what}");
    }
    assert_eq!(reason(&erase(&house, &member.id).await.unwrap_err()), "ALREADY_ERASED");
    let filled = sqlx::query(
        "update member set age_override = 'adult', age_override_reason = 'x', age_override_name = 'x',
                age_override_at = now()",
    );
    let refused = filled.execute(&mut house.sql().await).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().constraint(), Some("member_erased_check"));
}

#[tokio::test]
async fn a_merged_account_is_forgotten_with_the_last_of_those_who_came_from_it() {
    let house = house().await;
    let mut desk = desk(&house);
    let (main, ann) = alone(&mut desk, Kind::Individual, "Main").await;
    let (twin, zoe) = alone(&mut desk, Kind::Individual, "Zerlina").await;
    let merge = desk.merge(&main.id, &twin.id).await.unwrap();
    sqlx::query("update account_merge set reason = 'Zerlina came twice'")
        .execute(&mut house.sql().await)
        .await
        .unwrap();

    erase(&house, &ann.id).await.unwrap();
    assert_eq!(tombstones(&mut desk, "zerlina").await, ["Zerlina"], "she is still there");
    erase(&house, &zoe.id).await.unwrap();

    assert_eq!(tombstones(&mut desk, "zerlina").await, Vec::<String>::new());
    assert_eq!(tombstones(&mut desk, &twin.number).await, [format!("Account {}", twin.number)]);
    assert!(is_forgotten(&desk.account(&main.id).await));
    let held: Vec<String> = tables_that_hold(&house, "zerlina").await;
    assert!(held.iter().all(|table| table == "account_change"), "{held:?}");

    let undone = desk.undo(&merge.id).await.unwrap();
    assert_eq!(undone.source_name, format!("Account {}", twin.number));
    assert!(is_forgotten(&desk.account(&twin.id).await));
}

#[tokio::test]
async fn a_merged_account_stays_while_somebody_who_came_from_it_is_known() {
    let house = house().await;
    let mut desk = desk(&house);
    let (main, ann) = alone(&mut desk, Kind::Individual, "Main").await;
    let (twin, zoe) = alone(&mut desk, Kind::Family, "Zerlina").await;
    let zoes_child = desk.add(person(&twin, "Bo", "Quist")).await;
    let merge = desk.merge(&main.id, &twin.id).await.unwrap();

    erase(&house, &zoe.id).await.unwrap();
    erase(&house, &ann.id).await.unwrap();
    assert_eq!(tombstones(&mut desk, "zerlina").await, ["Zerlina"]);
    let changed = sqlx::query("update account set name = 'Other' where state = 'merged'");
    let refused = changed.execute(&mut house.sql().await).await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().constraint(), Some("account_merged_final_check"));

    let undone = desk.undo(&merge.id).await.unwrap();
    assert_eq!(desk.account(&twin.id).await.name, "Zerlina");
    assert!(is_forgotten(&desk.account(&main.id).await), "nobody is left there");
    assert_eq!(undone.target_name, format!("Account {}", main.number));
    erase(&house, &zoes_child.id).await.unwrap();
    assert!(is_forgotten(&desk.account(&twin.id).await));
}

#[tokio::test]
async fn the_account_of_people_is_forgotten_with_the_last_of_them_and_a_business_is_not() {
    let house = house().await;
    let mut desk = desk(&house);
    for (kind, forgotten) in [(Kind::Family, true), (Kind::Individual, true), (Kind::Business, false)] {
        let (account, first) = alone(&mut desk, kind, "Zebulon").await;
        let last = desk.add(person(&account, "Last", "Quist")).await;
        erase(&house, &first.id).await.unwrap();
        assert!(!is_forgotten(&desk.account(&account.id).await), "{kind:?}");
        erase(&house, &last.id).await.unwrap();
        assert_eq!(is_forgotten(&desk.account(&account.id).await), forgotten, "{kind:?}");
    }
}

#[tokio::test]
async fn a_forgotten_account_keeps_no_card_no_reference_and_no_reason_for_an_exemption() {
    let house = house().await;
    let mut desk = desk(&house);
    let (account, member) = alone(&mut desk, Kind::Family, "Zebulon").await;
    desk.keep_card(&account.id, "tok_zebulon_1").await;
    desk.refer(&account.id, "zebulon-77").await;
    desk.link(&account.id, "cus_zebulon").await;
    let mut exemptions = TaxExemptionServiceClient::new(house.user(&["accounts.admin"]));
    let exemption =
        pb::TaxExemption { account_id: account.id.clone(), reason: "Zebulon teaches".to_owned(), ..Default::default() };
    let request = pb::CreateTaxExemptionRequest { tax_exemption: Some(exemption) };
    let exemption = exemptions.create_tax_exemption(request).await.unwrap().into_inner().tax_exemption.unwrap();
    let request = pb::ApproveTaxExemptionRequest {
        id: exemption.id.clone(),
        certificate_number: Some("ZEB-9941".to_owned()),
        expires_on: Some("2030-01-01".to_owned()),
    };
    exemptions.approve_tax_exemption(request).await.unwrap();

    erase(&house, &member.id).await.unwrap();

    for table in ["payment_method", "external_reference", "processor_link"] {
        assert_eq!(crate::account_import::count(&house, table).await, 0, "{table}");
    }
    let request = pb::GetTaxExemptionRequest { id: exemption.id };
    let left = exemptions.get_tax_exemption(request).await.unwrap().into_inner().tax_exemption.unwrap();
    assert_eq!((left.reason.as_str(), left.certificate_number.as_deref()), ("forgotten", Some("forgotten")));
    assert_eq!((left.state(), left.expires_on.as_deref()), (pb::tax_exemption::State::Approved, Some("2030-01-01")));
    let told = house.events::<pb::TaxExemptionChanged>().await;
    assert!(told.len() == 1 && told[0].tax_exemption.as_ref().unwrap().reason == "forgotten", "{told:?}");
    assert_eq!(house.events::<pb::PaymentMethodRemoved>().await.len(), 1);
    let told = house.events::<pb::ExternalReferenceRemoved>().await;
    assert!(told.len() == 1 && told[0].external_reference.as_ref().unwrap().external_id.is_empty(), "{told:?}");
    let told = house.events::<pb::ProcessorLinkRemoved>().await;
    assert!(told.len() == 1 && told[0].processor_link.as_ref().unwrap().customer_id.is_empty(), "{told:?}");
    for text in ["tok_zebulon", "cus_zebulon", "teaches", "ZEB-9941"] {
        let held = tables_that_hold(&house, text).await;
        // What was written when it was added stays chained.
        assert!(held.iter().all(|table| table == "audit"), "{text}: {held:?}");
    }
}

#[tokio::test]
async fn nobody_is_erased_with_a_card_that_a_live_contract_is_charged_by() {
    let house = house().await;
    let mut desk = desk(&house);
    let (account, member) = alone(&mut desk, Kind::Family, "Zebulon").await;
    let kept = desk.keep_card(&account.id, "tok_zebulon_1").await;
    let used = "insert into payment_method_use (payment_method_id, used_by, used_by_id)
                values ($1::uuid, 'rentals.contract', gen_random_uuid())";
    sqlx::query(used).bind(&kept.id).execute(&mut house.sql().await).await.unwrap();

    let refused = erase(&house, &member.id).await.unwrap_err();

    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "PAYMENT_METHOD_IN_USE"));
    assert_eq!(desk.member(&member.id).await.first_name, "Zebulon");
    sqlx::query("delete from payment_method_use").execute(&mut house.sql().await).await.unwrap();
    erase(&house, &member.id).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_was_forgotten_is_not_given_again_as_nothing() {
    let house = house().await;
    let voice = house.token_with(&house.keys.token(&["accounts.admin"]), &[("idempotency-key", "k-1")]);
    let mut accounts = AccountServiceClient::new(voice.clone());
    let wanted = pb::Account { kind: Kind::Individual.into(), ..family("Zebulon") };
    let request = pb::CreateAccountRequest { account: Some(wanted), ..Default::default() };
    let account = accounts.create_account(request.clone()).await.unwrap().into_inner().account.unwrap();
    let wanted = pb::CreateMemberRequest { member: Some(person(&account, "Zebulon", "Quist")) };
    let mut members = MemberServiceClient::new(voice);
    let member = members.create_member(wanted.clone()).await.unwrap().into_inner().member.unwrap();
    erase(&house, &member.id).await.unwrap();

    for refused in [
        members.create_member(wanted).await.map(|_| ()).unwrap_err(),
        accounts.create_account(request).await.map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(reason(&refused), "IDEMPOTENCY_KEY_REUSED");
    }
    assert_eq!(crate::account_import::count(&house, "member").await, 1);
}
