//! How an account is billed and reached: primary member, contacts, addresses and phone numbers, and the search for them.

use accounts::Accounts;
use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_service_client::AccountServiceClient;
use proto::accounts::v1::address_service_client::AddressServiceClient;
use proto::accounts::v1::contact_service_client::ContactServiceClient;
use proto::accounts::v1::member_service_client::MemberServiceClient;
use proto::accounts::v1::phone_number_service_client::PhoneNumberServiceClient;
use testing::{House, Voice, list_behaves};
use tonic::{Code, Status};

use crate::{desk, family, fields, house, mask, person, reason, shop_changed};

fn clerk(house: &House<Accounts>) -> Voice {
    house.user(&["accounts.edit"])
}

async fn try_contact(house: &House<Accounts>, contact: pb::Contact) -> Result<pb::Contact, Status> {
    let request = pb::CreateContactRequest { contact: Some(contact) };
    Ok(ContactServiceClient::new(clerk(house)).create_contact(request).await?.into_inner().contact.unwrap())
}

fn contact(account: &pb::Account, name: &str) -> pb::Contact {
    pb::Contact { account_id: account.id.clone(), name: name.to_owned(), ..Default::default() }
}

async fn try_address(house: &House<Accounts>, address: pb::Address) -> Result<pb::Address, Status> {
    let request = pb::CreateAddressRequest { address: Some(address) };
    Ok(AddressServiceClient::new(clerk(house)).create_address(request).await?.into_inner().address.unwrap())
}

fn address(account: &pb::Account, kind: pb::address::Kind, city: &str) -> pb::Address {
    pb::Address {
        account_id: account.id.clone(),
        kind: kind.into(),
        line1: "1 Elm Street".to_owned(),
        city: city.to_owned(),
        ..Default::default()
    }
}

async fn addresses(house: &House<Accounts>, account: &pb::Account) -> Vec<pb::Address> {
    let request = pb::ListAddressesRequest { account_id: account.id.clone(), ..Default::default() };
    AddressServiceClient::new(clerk(house)).list_addresses(request).await.unwrap().into_inner().data
}

async fn try_account_phone(
    house: &House<Accounts>,
    account: &pb::Account,
    number: &str,
    preferred: bool,
) -> Result<pb::PhoneNumber, Status> {
    let phone_number = pb::PhoneNumber {
        account_id: Some(account.id.clone()),
        kind: pb::phone_number::Kind::Mobile.into(),
        number: number.to_owned(),
        preferred,
        ..Default::default()
    };
    let request = pb::CreateAccountPhoneNumberRequest { phone_number: Some(phone_number) };
    let mut numbers = PhoneNumberServiceClient::new(clerk(house));
    Ok(numbers.create_account_phone_number(request).await?.into_inner().phone_number.unwrap())
}

async fn member_phone(house: &House<Accounts>, member: &pb::Member, number: &str) -> pb::PhoneNumber {
    let phone_number = pb::PhoneNumber {
        member_id: Some(member.id.clone()),
        kind: pb::phone_number::Kind::Home.into(),
        number: number.to_owned(),
        ..Default::default()
    };
    let request = pb::CreateMemberPhoneNumberRequest { phone_number: Some(phone_number) };
    let mut numbers = PhoneNumberServiceClient::new(clerk(house));
    numbers.create_member_phone_number(request).await.unwrap().into_inner().phone_number.unwrap()
}

async fn members_found(house: &House<Accounts>, q: &str) -> Vec<String> {
    let request = pb::ListMembersRequest { q: q.to_owned(), ..Default::default() };
    let mut members = MemberServiceClient::new(clerk(house));
    members.list_members(request).await.unwrap().into_inner().data.into_iter().map(|member| member.first_name).collect()
}

#[tokio::test]
async fn the_primary_member_is_a_live_one_of_the_account() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    assert_eq!(
        (account.billing_mode(), account.primary_member_id.as_deref()),
        (pb::account::BillingMode::Consolidated, None)
    );
    let other = desk.open(family("Okafor Family")).await;
    let ann = desk.add(person(&account, "Ann", "Miller")).await;
    let stranger = desk.add(person(&other, "Eve", "Okafor")).await;
    let gone = desk.add(person(&account, "Gus", "Miller")).await;
    desk.members.archive_member(pb::ArchiveMemberRequest { id: gone.id.clone() }).await.unwrap();
    let name = |id: &str| pb::UpdateAccountRequest {
        account: Some(pb::Account {
            id: account.id.clone(),
            primary_member_id: Some(id.to_owned()),
            billing_mode: pb::account::BillingMode::Split.into(),
            ..Default::default()
        }),
        update_mask: mask(&["primary_member_id", "billing_mode"]),
    };

    for wrong in [&stranger.id, &gone.id, &other.id] {
        let refused = desk.accounts.update_account(name(wrong)).await.unwrap_err();
        assert_eq!(fields(&refused), ["account.primary_member_id"]);
    }
    let named = desk.accounts.update_account(name(&ann.id)).await.unwrap().into_inner().account.unwrap();
    assert_eq!(
        (named.billing_mode(), named.primary_member_id.as_ref()),
        (pb::account::BillingMode::Split, Some(&ann.id))
    );

    let archive = pb::ArchiveMemberRequest { id: ann.id.clone() };
    let refused = desk.members.archive_member(archive.clone()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "PRIMARY_MEMBER"));
    desk.accounts.update_account(name("")).await.unwrap();
    desk.members.archive_member(archive).await.unwrap();
}

#[tokio::test]
async fn who_is_named_and_archived_at_once_is_never_a_primary_member_that_is_gone() {
    let house = house().await;
    let mut desk = desk(&house);
    for run in 0..20 {
        let account = desk.open(family(&format!("Family {run}"))).await;
        let ann = desk.add(person(&account, "Ann", "Miller")).await;
        let (mut accounts, mut members) =
            (AccountServiceClient::new(clerk(&house)), MemberServiceClient::new(house.user(&["accounts.admin"])));
        let update =
            pb::Account { id: account.id.clone(), primary_member_id: Some(ann.id.clone()), ..Default::default() };
        let name = pb::UpdateAccountRequest { account: Some(update), update_mask: mask(&["primary_member_id"]) };
        let archive = pb::ArchiveMemberRequest { id: ann.id.clone() };
        let named = spawn(async move { accounts.update_account(name).await.is_ok() });
        let archived = spawn(async move { members.archive_member(archive).await.is_ok() });
        let (named, archived) = (named.await.unwrap(), archived.await.unwrap());
        assert!(named != archived, "run {run}: named {named}, archived {archived}");
    }
    let refused =
        sqlx::query("update account set primary_member_id = (select id from member where state = 'archived' limit 1)")
            .execute(&mut house.sql().await)
            .await
            .unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().constraint(), Some("account_primary_member_check"));
}

#[tokio::test]
async fn contacts_are_kept_one_of_them_is_preferred_and_all_are_found() {
    let house = house().await;
    let mut desk = desk(&house);
    let school = desk.open(pb::Account { kind: pb::account::Kind::Business.into(), ..family("A School") }).await;
    let bursar = pb::Contact {
        role: Some("bursar".to_owned()),
        email: Some("Quentin@school.test".to_owned()),
        phone: Some("(312) 555-0143".to_owned()),
        preferred: true,
        ..contact(&school, "Quentin Zabala")
    };
    let bursar = try_contact(&house, bursar).await.unwrap();
    assert_eq!(bursar.phone_e164.as_deref(), Some("+13125550143"));
    let teacher = pb::Contact { preferred: true, ..contact(&school, "Wilma Ostrow") };
    let teacher = try_contact(&house, teacher).await.unwrap();

    let mut contacts = ContactServiceClient::new(clerk(&house));
    let get = pb::GetContactRequest { id: bursar.id.clone() };
    let before = contacts.get_contact(get).await.unwrap().into_inner().contact.unwrap();
    assert!(!before.preferred && teacher.preferred && before.etag == "2", "one is preferred");
    let refused = try_contact(&house, pb::Contact { phone: Some("555".to_owned()), ..contact(&school, "X") }).await;
    assert_eq!(fields(&refused.unwrap_err()), ["contact.phone"]);
    for q in ["zabala", "quentin@school", "312 555-0143", "+13125550143", "ostrow"] {
        assert_eq!(desk.found(q).await, (vec!["A School".to_owned()], 1), "{q}");
    }

    let update = pb::Contact { id: bursar.id.clone(), name: "Quentin Abara".to_owned(), ..Default::default() };
    let request = pb::UpdateContactRequest { contact: Some(update), update_mask: mask(&["name", "phone"]) };
    let changed = contacts.update_contact(request).await.unwrap().into_inner().contact.unwrap();
    assert_eq!((changed.phone, changed.phone_e164), (None, None));
    assert_eq!(desk.found("abara").await.1, 1);
    assert_eq!([desk.found("zabala").await.1, desk.found("5550143").await.1], [0, 0]);
    contacts.remove_contact(pb::RemoveContactRequest { id: bursar.id.clone() }).await.unwrap();
    assert_eq!(desk.found("abara").await.1, 0);
    let told = house.events::<pb::ContactChanged>().await.pop().unwrap();
    assert!(told.removed && told.version == 4 && told.contact.unwrap().id == bursar.id);
    let gone = contacts.get_contact(pb::GetContactRequest { id: bursar.id }).await.unwrap_err();
    assert_eq!(reason(&gone), "CONTACT_NOT_FOUND");
}

#[tokio::test]
async fn totals_follow_what_an_account_is_found_by_elsewhere() {
    let house = house().await;
    let mut desk = desk(&house);
    let mut made = Vec::new();
    for n in 0..12 {
        let account = desk.open(family(&format!("Family {n}"))).await;
        made.push(try_contact(&house, contact(&account, &format!("Grandmother {n}"))).await.unwrap());
        assert_eq!(desk.found("grandmother").await.1, n + 1);
    }
    for (left, contact) in (0..12).rev().zip(made) {
        let mut contacts = ContactServiceClient::new(clerk(&house));
        contacts.remove_contact(pb::RemoveContactRequest { id: contact.id }).await.unwrap();
        assert_eq!(desk.found("grandmother").await.1, left);
    }
    // However many contacts there are, the entry of an index holds them.
    let crowded = desk.open(family("Crowded Family")).await;
    for n in 0..40 {
        let long = format!("{} {n}", "Ärztin ".repeat(26));
        try_contact(&house, contact(&crowded, long.trim())).await.unwrap();
    }
    assert_eq!(desk.found("crowded").await.1, 1);
}

#[tokio::test]
async fn one_address_of_a_kind_is_the_default() {
    use pb::address::Kind::{Billing, Shipping};
    let house = house().await;
    let account = desk(&house).open(family("Miller Family")).await;
    let home = try_address(&house, address(&account, Billing, "Chicago")).await.unwrap();
    let shop = try_address(&house, address(&account, Shipping, "Peoria")).await.unwrap();
    let office = try_address(&house, address(&account, Billing, "Dallas")).await.unwrap();
    assert!(home.is_default && shop.is_default && !office.is_default, "the first of its kind is");
    assert_eq!(home.country, "US", "an address is in the shop's country unless it says another");

    let mut service = AddressServiceClient::new(clerk(&house));
    let update = pb::Address { id: office.id.clone(), is_default: true, ..Default::default() };
    let request = pb::UpdateAddressRequest { address: Some(update), update_mask: mask(&["is_default"]) };
    service.update_address(request).await.unwrap();
    let defaults = |all: Vec<pb::Address>| -> Vec<String> {
        all.into_iter().filter(|address| address.is_default).map(|address| address.city).collect()
    };
    assert_eq!(defaults(addresses(&house, &account).await), ["Peoria", "Dallas"]);
    let refused =
        try_address(&house, pb::Address { country: "XX".to_owned(), ..address(&account, Billing, "X") }).await;
    assert_eq!(fields(&refused.unwrap_err()), ["address.country"]);

    for run in 0..10 {
        let ids = [&home.id, &office.id].map(Clone::clone);
        let wanted = ids.map(|id| {
            let mut service = AddressServiceClient::new(clerk(&house));
            let update = pb::Address { id, is_default: true, ..Default::default() };
            let request = pb::UpdateAddressRequest { address: Some(update), update_mask: mask(&["is_default"]) };
            spawn(async move { service.update_address(request).await.map(|_| ()) })
        });
        for wanted in wanted {
            wanted.await.unwrap().unwrap();
        }
        assert_eq!(defaults(addresses(&house, &account).await).len(), 2, "run {run}");
    }
    let refused = sqlx::query("update address set is_default = true where kind = 'billing'")
        .execute(&mut house.sql().await)
        .await
        .unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().constraint(), Some("address_default_key"));
    service.remove_address(pb::RemoveAddressRequest { id: shop.id }).await.unwrap();
    assert_eq!(addresses(&house, &account).await.len(), 2);
}

#[tokio::test]
async fn a_phone_number_is_found_as_it_was_typed_and_as_networks_write_it() {
    let house = house().await;
    house.hears(&shop_changed(2, |shop| shop.country = "AT".to_owned())).await.unwrap();
    let mut desk = desk(&house);
    let account = desk.open(pb::Account { phone: Some("01 58858".to_owned()), ..family("Huber Family") }).await;
    assert_eq!(account.phone_e164.as_deref(), Some("+43158858"));
    let number = try_account_phone(&house, &account, "0664 1234567", false).await.unwrap();
    assert_eq!((number.number.as_str(), number.e164.as_str()), ("0664 1234567", "+436641234567"));
    let anna =
        desk.add(pb::Member { phone: Some("0676 7654321".to_owned()), ..person(&account, "Anna", "Huber") }).await;
    assert_eq!(anna.phone_e164.as_deref(), Some("+436767654321"));
    member_phone(&house, &anna, "+1 312 555 0100").await;

    for q in ["0664 1234567", "06641234567", "+43 664 1234567", "+436641234567", "664 123", "01 58858", "+43158858"] {
        assert_eq!(desk.found(q).await, (vec!["Huber Family".to_owned()], 1), "{q}");
    }
    for q in ["0676 7654321", "+43 676 7654321", "312 555 0100", "+13125550100"] {
        assert_eq!(members_found(&house, q).await, ["Anna"], "{q}");
    }
    let refused = try_account_phone(&house, &account, "call me", false).await.unwrap_err();
    assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec!["phone_number.number".to_owned()]));
    let refused = try_account_phone(&house, &account, "+43 664 1234567", false).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "PHONE_NUMBER_EXISTS"));
    // What was always taken as it was typed still is.
    let odd = desk.open(pb::Account { phone: Some("ext. 7".to_owned()), ..family("Odd Family") }).await;
    assert_eq!((odd.phone.as_deref(), odd.phone_e164), (Some("ext. 7"), None));

    let mut numbers = PhoneNumberServiceClient::new(clerk(&house));
    numbers.remove_phone_number(pb::RemovePhoneNumberRequest { id: number.id }).await.unwrap();
    assert_eq!(desk.found("664 123").await.1, 0);
}

#[tokio::test]
async fn one_number_is_preferred_however_many_are_asked_for() {
    let house = house().await;
    let account = desk(&house).open(family("Miller Family")).await;
    let adding: Vec<_> = (0..8)
        .map(|n| {
            let mut numbers = PhoneNumberServiceClient::new(clerk(&house));
            let phone_number = pb::PhoneNumber {
                account_id: Some(account.id.clone()),
                kind: pb::phone_number::Kind::Work.into(),
                number: format!("(312) 555-010{n}"),
                preferred: true,
                ..Default::default()
            };
            let request = pb::CreateAccountPhoneNumberRequest { phone_number: Some(phone_number) };
            spawn(async move { numbers.create_account_phone_number(request).await.map(|_| ()) })
        })
        .collect();
    for added in adding {
        added.await.unwrap().unwrap();
    }
    let request = pb::ListAccountPhoneNumbersRequest { account_id: account.id.clone(), ..Default::default() };
    let mut numbers = PhoneNumberServiceClient::new(clerk(&house));
    let all = numbers.list_account_phone_numbers(request).await.unwrap().into_inner().data;
    assert_eq!((all.len(), all.iter().filter(|number| number.preferred).count()), (8, 1));
}

#[tokio::test]
async fn what_belongs_to_an_account_is_listed_by_the_convention() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let ann = desk.add(person(&account, "Ann", "Miller")).await;
    for n in 0..4 {
        try_contact(&house, contact(&account, &format!("Contact {n}"))).await.unwrap();
        try_address(&house, address(&account, pb::address::Kind::Shipping, &format!("City {n}"))).await.unwrap();
        try_account_phone(&house, &account, &format!("(312) 555-010{n}"), false).await.unwrap();
        member_phone(&house, &ann, &format!("(312) 555-011{n}")).await;
    }
    let voice = || house.user(&["accounts.view"]);
    let of_account = [("account_id", account.id.as_str())];
    list_behaves(voice(), "accounts.v1.ContactService/ListContacts", &of_account).await;
    list_behaves(voice(), "accounts.v1.AddressService/ListAddresses", &of_account).await;
    let service = "accounts.v1.PhoneNumberService";
    list_behaves(voice(), &format!("{service}/ListAccountPhoneNumbers"), &of_account).await;
    list_behaves(voice(), &format!("{service}/ListMemberPhoneNumbers"), &[("member_id", ann.id.as_str())]).await;
}
