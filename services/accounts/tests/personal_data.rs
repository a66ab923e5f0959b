use std::collections::BTreeSet;

use accounts::Accounts;
use async_trait::async_trait;
use kit::Service;
use proto::accounts::v1 as pb;
use proto::accounts::v1::personal_data_service_client::PersonalDataServiceClient;
use proto::common::v1::personal_data_source_service_server::{
    PersonalDataSourceService, PersonalDataSourceServiceServer,
};
use proto::common::v1::{Address, TellPersonalDataRequest, TellPersonalDataResponse};
use serde_json::{Value, json};
use testing::{Builder, House, Voice};
use tonic::service::RoutesBuilder;
use tonic::{Code, Request, Response, Status};

use crate::identity_document::{documents, record};
use crate::note::{note_member, tables_that_hold};
use crate::{Desk, EVENING, desk, fields, house, mask, person, reason, settings, shop_changed};

/// Another service that is asked what it knows.
struct Other(Value);

#[async_trait]
impl PersonalDataSourceService for Other {
    async fn tell_personal_data(
        &self,
        request: Request<TellPersonalDataRequest>,
    ) -> Result<Response<TellPersonalDataResponse>, Status> {
        let Value::Object(mut document) = self.0.clone() else { return Err(Status::unavailable("away")) };
        document.insert("asked_of".to_owned(), request.into_inner().member_id.into());
        Ok(Response::new(TellPersonalDataResponse { document: Value::Object(document).to_string() }))
    }
}

/// A house whose neighbours know this.
async fn house_beside(identity: Value, pos: Value) -> House<Accounts> {
    let asks = |other: Value| {
        move |routes: &mut RoutesBuilder| {
            routes.add_service(PersonalDataSourceServiceServer::new(Other(other)));
        }
    };
    let builder = Builder::default().at(EVENING).asks("identity", asks(identity)).asks("pos", asks(pos));
    let house = builder.open::<Accounts>(settings()).await;
    house.hears(&shop_changed(1, |_| ())).await.unwrap();
    house
}

fn personal_data(house: &House<Accounts>) -> PersonalDataServiceClient<Voice> {
    PersonalDataServiceClient::new(house.user(&["accounts.admin"]))
}

pub(crate) async fn erase(house: &House<Accounts>, id: &str) -> Result<pb::Member, Status> {
    let request = pb::EraseMemberRequest { id: id.to_owned(), reason: "letter of 1 February".to_owned() };
    Ok(personal_data(house).erase_member(request).await?.into_inner().member.unwrap())
}

/// Somebody with an account of his own, and something in every place that takes something.
async fn known_everywhere(house: &House<Accounts>, desk: &mut Desk) -> (pb::Account, pb::Member) {
    let account = desk
        .open(pb::Account {
            kind: pb::account::Kind::Individual.into(),
            name: "Zebulon Quist".to_owned(),
            email: Some("zebulon@example.test".to_owned()),
            phone: Some("+1 312 555 0142".to_owned()),
            address: Some(Address {
                line1: "1 Zebulon Street".to_owned(),
                city: "Chicago".to_owned(),
                postal_code: "60614".to_owned(),
                country: "US".to_owned(),
                ..Default::default()
            }),
            notes: Some("Zebulon pays late".to_owned()),
            ..Default::default()
        })
        .await;
    let member = desk
        .add(pb::Member {
            email: Some("zebulon@example.test".to_owned()),
            phone: Some("+1 312 555 0142".to_owned()),
            born_on: Some("1980-05-01".to_owned()),
            ..person(&account, "Zebulon", "Quist")
        })
        .await;
    note_member(house, &member.id, "Zebulon plays the oboe", false).await;
    note_member(house, &member.id, "Zebulon is allergic to rosin", true).await;
    record(&mut documents(house), &member.id, "M123-4567-8901", None).await.unwrap();
    let update = pb::Member { id: member.id.clone(), first_name: "Zebulon Amos".to_owned(), ..Default::default() };
    let request = pb::UpdateMemberRequest { member: Some(update), update_mask: mask(&["first_name"]) };
    let member = desk.members.update_member(request).await.unwrap().into_inner().member.unwrap();
    (account, member)
}

#[tokio::test]
async fn all_that_is_known_of_a_member_is_written_down_and_opened() {
    let house = house_beside(json!({ "user": ["u"] }), json!({ "sale": ["s"] })).await;
    let (account, member) = known_everywhere(&house, &mut desk(&house)).await;
    desk(&house).keep_card(&account.id, "tok_secret_1").await;

    let request = pb::ExportPersonalDataRequest { id: member.id.clone() };
    let document = personal_data(&house).export_personal_data(request).await.unwrap().into_inner().document.unwrap();

    assert_eq!(document.content_type, "application/json");
    let known: Value = serde_json::from_slice(&document.data).unwrap();
    assert_eq!(known["member"][0]["first_name"], "Zebulon Amos");
    assert_eq!(known["account"][0]["id"], account.id.as_str());
    assert_eq!(known["payment_method"][0]["processor"], "stripe");
    assert!(
        !String::from_utf8_lossy(&document.data).contains("tok_secret_1"),
        "what charges the card is told to nobody"
    );
    let texts: BTreeSet<&str> = known["note"].as_array().unwrap().iter().map(|n| n["text"].as_str().unwrap()).collect();
    assert_eq!(texts, BTreeSet::from(["Zebulon is allergic to rosin", "Zebulon plays the oboe"]));
    assert_eq!(known["identity_document"][0]["number"], "M123-4567-8901");
    assert!(known["audit"].as_array().unwrap().len() >= 2);
    assert_eq!(known["identity"], json!({ "user": ["u"], "asked_of": member.id }));
    assert_eq!(known["pos"], json!({ "sale": ["s"], "asked_of": member.id }));
    let recorded = ("accounts.v1.PersonalDataService/ExportPersonalData".to_owned(), "personal_data".to_owned());
    assert_eq!(house.audited().await.last(), Some(&recorded));
}

#[tokio::test]
async fn who_is_erased_is_found_nowhere_and_his_numbers_stay() {
    let house = house().await;
    let mut desk = desk(&house);
    let (account, member) = known_everywhere(&house, &mut desk).await;
    let before = tables_that_hold(&house, "zebulon").await;
    assert!(
        ["account", "member", "note", "outbox"].iter().all(|table| before.iter().any(|t| t == table)),
        "{before:?}"
    );

    let erased = erase(&house, &member.id).await.unwrap();

    assert_eq!((erased.first_name.as_str(), &erased.last_name), ("Member", &member.number));
    assert_eq!(
        (erased.state(), erased.email, erased.phone, erased.born_on),
        (pb::member::State::Archived, None, None, None)
    );
    let left = desk.account(&account.id).await;
    assert_eq!((left.name, left.email, left.address), (format!("Account {}", account.number), None, None));
    // What totals are kept by is forgotten by its own job, once no transaction anywhere can still need it.
    let forget = house.service.jobs().into_iter().find(|job| job.name == "forget-account-counts").unwrap();
    testing::eventually("the log of totals is forgotten", async || {
        forget.run_once(&house.app.db, "accounts").await.unwrap();
        let changes = sqlx::query_scalar::<_, i64>("select count(*) from account_change");
        (changes.fetch_one(&mut house.sql().await).await.unwrap() == 0).then_some(())
    })
    .await;
    for text in ["zebulon", "Zebulon", "Quist", "555 0142", "oboe", "1980-05-01"] {
        assert_eq!(tables_that_hold(&house, text).await, Vec::<String>::new(), "{text}");
    }
    let told = house.events::<pb::MemberErased>().await;
    assert_eq!((told.len(), &told[0].member_id, &told[0].number), (1, &member.id, &member.number));
    let copy = house.events::<pb::MemberChanged>().await.pop().unwrap().member.unwrap();
    assert_eq!(copy.first_name, "Member");
    let mut conn = house.app.db.read().await.unwrap();
    db::seal::seal(&mut conn, &[db::seal::AUDIT]).await.unwrap();
    assert_eq!(db::seal::verify(&mut conn, &db::seal::AUDIT, None).await.unwrap().broken_at, None);
}

#[tokio::test]
async fn who_is_erased_stays_so_and_others_stay_as_they_are() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(crate::family("Miller Family")).await;
    let (ann, ben) =
        (desk.add(person(&account, "Ann", "Miller")).await, desk.add(person(&account, "Ben", "Miller")).await);
    note_member(&house, &ben.id, "Ben stays", false).await;

    erase(&house, &ann.id).await.unwrap();

    assert_eq!(reason(&erase(&house, &ann.id).await.unwrap_err()), "ALREADY_ERASED");
    let update = pb::Member { id: ann.id.clone(), first_name: "Ann".to_owned(), ..Default::default() };
    let request = pb::UpdateMemberRequest { member: Some(update), update_mask: mask(&["first_name"]) };
    assert_eq!(reason(&desk.members.update_member(request).await.unwrap_err()), "ERASED");
    let left = desk.account(&account.id).await;
    assert_eq!((left.name.as_str(), left.member_count), ("Miller Family", 1));
    assert_eq!(desk.member(&ben.id).await.first_name, "Ben");
    assert_eq!(tables_that_hold(&house, "ben stays").await, ["note"]);
    let request = pb::EraseMemberRequest { id: ben.id, reason: String::new() };
    assert_eq!(fields(&personal_data(&house).erase_member(request).await.unwrap_err()), ["reason"]);
    let undone = sqlx::query("update member set erased_at = null").execute(&mut house.sql().await).await.unwrap_err();
    assert_eq!(undone.as_database_error().unwrap().constraint(), Some("member_erased_forever_check"));
}

#[tokio::test]
async fn what_is_told_is_all_or_nothing() {
    let house = house_beside(json!({}), Value::Null).await;
    let (_, member) = known_everywhere(&house, &mut desk(&house)).await;
    let before = house.audited().await.len();
    let request = pb::ExportPersonalDataRequest { id: member.id };
    let refused = personal_data(&house).export_personal_data(request).await.unwrap_err();
    assert_eq!((refused.code(), house.audited().await.len()), (Code::Unavailable, before));
}

#[tokio::test]
async fn every_table_that_names_a_member_is_known_to_who_asks_what_is_known() {
    let house = house_beside(json!({}), json!({})).await;
    let naming: Vec<String> = sqlx::query_scalar(
        "select distinct c.table_name::text
           from information_schema.columns c
           join information_schema.tables t using (table_schema, table_name)
          where c.table_schema = 'accounts' and c.column_name = 'member_id' and t.table_type = 'BASE TABLE' order by 1",
    )
    .fetch_all(&mut house.sql().await)
    .await
    .unwrap();
    let (_, member) = known_everywhere(&house, &mut desk(&house)).await;
    let request = pb::ExportPersonalDataRequest { id: member.id };
    let document = personal_data(&house).export_personal_data(request).await.unwrap().into_inner().document.unwrap();
    let known: Value = serde_json::from_slice(&document.data).unwrap();
    // What is on its way in is nobody's yet.
    for table in naming.iter().filter(|table| *table != "account_import_row") {
        assert!(known.get(table).is_some(), "{table} is left out");
    }
}
