use accounts::Accounts;
use kit::Service;
use proto::accounts::v1 as pb;
use proto::accounts::v1::identity_document::{Kind, State};
use proto::accounts::v1::identity_document_service_client::IdentityDocumentServiceClient;
use testing::{House, Voice, list_behaves};
use tonic::{Code, Status};

use crate::note::tables_that_hold;
use crate::{desk, family, fields, house, mask, person, reason};

pub(crate) type Documents = IdentityDocumentServiceClient<Voice>;

pub(crate) fn documents(house: &House<Accounts>) -> Documents {
    IdentityDocumentServiceClient::new(house.user(&["accounts.admin"]))
}

pub(crate) async fn record(
    documents: &mut Documents,
    member_id: &str,
    number: &str,
    expires_on: Option<&str>,
) -> Result<pb::IdentityDocument, Status> {
    let document = pb::IdentityDocument {
        member_id: member_id.to_owned(),
        kind: Kind::DrivingLicence.into(),
        number: Some(number.to_owned()),
        issuer: Some("IL".to_owned()),
        expires_on: expires_on.map(str::to_owned),
        ..Default::default()
    };
    let request = pb::CreateIdentityDocumentRequest { identity_document: Some(document) };
    Ok(documents.create_identity_document(request).await?.into_inner().identity_document.unwrap())
}

async fn run(house: &House<Accounts>, name: &str) {
    let job = house.service.jobs().into_iter().find(|job| job.name == name).unwrap();
    job.run_once(&house.app.db, "accounts").await.unwrap();
}

async fn somebody(house: &House<Accounts>) -> pb::Member {
    let mut desk = desk(house);
    let account = desk.open(family("Miller Family")).await;
    desk.add(person(&account, "Ann", "Miller")).await
}

#[tokio::test]
async fn the_number_of_a_document_is_sealed_and_only_its_end_is_shown() {
    let house = house().await;
    let ann = somebody(&house).await;
    let mut documents = documents(&house);

    let document = record(&mut documents, &ann.id, "M123-4567-8901", Some("2028-05-01")).await.unwrap();

    assert_eq!((document.number.as_deref(), document.number_end.as_str()), (None, "8901"));
    for text in ["M123-4567-8901", "M12345678901", "45678901"] {
        assert_eq!(tables_that_hold(&house, text).await, Vec::<String>::new(), "{text}");
    }
    let request = pb::RevealIdentityDocumentRequest { id: document.id.clone() };
    let mut clerk = IdentityDocumentServiceClient::new(house.user(&["accounts.edit"]));
    let refused = clerk.reveal_identity_document(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let revealed = documents.reveal_identity_document(request).await.unwrap().into_inner().identity_document.unwrap();
    assert_eq!(revealed.number.as_deref(), Some("M123-4567-8901"));
    let (action, subject) = house.audited().await.pop().unwrap();
    assert_eq!(action, "accounts.v1.IdentityDocumentService/RevealIdentityDocument");
    assert_eq!(subject, "identity_document");
    let told = house.events::<pb::IdentityDocumentChanged>().await;
    assert_eq!(told[0].identity_document.as_ref().unwrap().number, None);
}

#[tokio::test]
async fn a_document_is_recorded_once_however_its_number_is_written() {
    let house = house().await;
    let ann = somebody(&house).await;
    let mut documents = documents(&house);
    record(&mut documents, &ann.id, "M123-4567", None).await.unwrap();

    let refused = record(&mut documents, &ann.id, "m123 4567", None).await.unwrap_err();

    assert_eq!(reason(&refused), "IDENTITY_DOCUMENT_KNOWN");
    for (number, blamed) in [("--- -", "identity_document.number"), ("x", "identity_document.number")] {
        assert_eq!(fields(&record(&mut documents, &ann.id, number, None).await.unwrap_err()), [blamed]);
    }
}

#[tokio::test]
async fn a_document_expires_after_its_last_day_and_once() {
    let house = house().await;
    let ann = somebody(&house).await;
    let mut documents = documents(&house);
    // It is 27 February in Chicago.
    let last_day = record(&mut documents, &ann.id, "A-1111", Some("2026-02-27")).await.unwrap();
    let over = record(&mut documents, &ann.id, "B-2222", Some("2026-02-26")).await.unwrap();
    record(&mut documents, &ann.id, "C-3333", None).await.unwrap();
    assert_eq!((last_day.state(), over.state()), (State::Active, State::Expired));

    run(&house, "expire-identity-documents").await;
    assert_eq!(house.events::<pb::IdentityDocumentChanged>().await.len(), 3);
    // The job was not run for days.
    house.clock.set("2026-03-05T12:00:00Z".parse().unwrap());
    run(&house, "expire-identity-documents").await;
    run(&house, "expire-identity-documents").await;
    let told = house.events::<pb::IdentityDocumentChanged>().await;
    assert_eq!(told.len(), 4);
    let expired = told[3].identity_document.clone().unwrap();
    assert_eq!((expired.id.as_str(), expired.state()), (last_day.id.as_str(), State::Expired));

    let update = pb::IdentityDocument { expires_on: Some("2030-01-01".to_owned()), ..expired };
    let request =
        pb::UpdateIdentityDocumentRequest { identity_document: Some(update), update_mask: mask(&["expires_on"]) };
    let renewed = documents.update_identity_document(request).await.unwrap().into_inner().identity_document.unwrap();
    assert_eq!((renewed.state(), renewed.issuer.as_deref()), (State::Active, Some("IL")));
}

#[tokio::test]
async fn a_document_long_expired_is_removed() {
    let house = house().await;
    let ann = somebody(&house).await;
    let mut documents = documents(&house);
    record(&mut documents, &ann.id, "A-1111", Some("2025-02-26")).await.unwrap();
    let kept = record(&mut documents, &ann.id, "B-2222", Some("2025-02-27")).await.unwrap();

    run(&house, "retention").await;

    let request = pb::ListIdentityDocumentsRequest { member_id: ann.id.clone(), ..Default::default() };
    let left = documents.list_identity_documents(request).await.unwrap().into_inner().data;
    assert_eq!(left.iter().map(|document| document.id.as_str()).collect::<Vec<_>>(), [kept.id.as_str()]);
    assert_eq!(house.events::<pb::IdentityDocumentDeleted>().await.len(), 1);

    documents.delete_identity_document(pb::DeleteIdentityDocumentRequest { id: kept.id.clone() }).await.unwrap();
    let request = pb::GetIdentityDocumentRequest { id: kept.id };
    assert_eq!(reason(&documents.get_identity_document(request).await.unwrap_err()), "IDENTITY_DOCUMENT_NOT_FOUND");
}

#[tokio::test]
async fn documents_are_listed_by_the_convention() {
    let house = house().await;
    let ann = somebody(&house).await;
    let mut documents = documents(&house);
    for n in 0..5 {
        record(&mut documents, &ann.id, &format!("A-{n}{n}{n}{n}"), None).await.unwrap();
    }
    let of = [("member_id", ann.id.as_str())];
    list_behaves(house.user(&["accounts.view"]), "accounts.v1.IdentityDocumentService/ListIdentityDocuments", &of)
        .await;
}
