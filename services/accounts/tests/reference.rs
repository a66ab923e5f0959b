use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::external_reference_service_client::ExternalReferenceServiceClient;
use proto::accounts::v1::processor_link_service_client::ProcessorLinkServiceClient;
use testing::{House, Voice, list_behaves};
use tonic::{Code, Status};

use crate::{desk, family, house, reason};

fn references(house: &House<accounts::Accounts>) -> ExternalReferenceServiceClient<Voice> {
    ExternalReferenceServiceClient::new(house.user(&["accounts.edit"]))
}

fn called(account: &pb::Account, system: &str, external_id: &str) -> pb::CreateExternalReferenceRequest {
    let external_reference = pb::ExternalReference {
        account_id: account.id.clone(),
        system: system.to_owned(),
        external_id: external_id.to_owned(),
        ..Default::default()
    };
    pb::CreateExternalReferenceRequest { external_reference: Some(external_reference) }
}

async fn call(
    house: &House<accounts::Accounts>,
    account: &pb::Account,
    external_id: &str,
) -> Result<pb::ExternalReference, Status> {
    let answer = references(house).create_external_reference(called(account, "quickbooks", external_id)).await?;
    Ok(answer.into_inner().external_reference.unwrap())
}

#[tokio::test]
async fn an_account_is_found_by_what_another_system_calls_it() {
    let house = house().await;
    let mut desk = desk(&house);
    let (miller, okafor) = (desk.open(family("Miller")).await, desk.open(family("Okafor")).await);
    let reference = call(&house, &miller, " 77 ").await.unwrap();
    call(&house, &okafor, "78").await.unwrap();
    references(&house).create_external_reference(called(&okafor, "aim", "77")).await.unwrap();

    let request = pb::ListExternalReferencesRequest {
        system: Some("quickbooks".to_owned()),
        external_id: Some("77".to_owned()),
        ..Default::default()
    };
    let found = references(&house).list_external_references(request).await.unwrap().into_inner().data;
    assert_eq!(found, std::slice::from_ref(&reference));
    let request = pb::ListAccountExternalReferencesRequest { account_id: miller.id, ..Default::default() };
    let of_account = references(&house).list_account_external_references(request).await.unwrap().into_inner().data;
    assert_eq!(of_account, std::slice::from_ref(&reference));

    let request = pb::DeleteExternalReferenceRequest { id: reference.id.clone() };
    references(&house).delete_external_reference(request.clone()).await.unwrap();
    let gone = references(&house).delete_external_reference(request).await.unwrap_err();
    assert_eq!((gone.code(), reason(&gone).as_str()), (Code::NotFound, "EXTERNAL_REFERENCE_NOT_FOUND"));
    assert_eq!(house.events::<pb::ExternalReferenceRemoved>().await[0].external_reference, Some(reference));
    assert_eq!(house.events::<pb::ExternalReferenceAdded>().await.len(), 3);
}

#[tokio::test]
async fn a4_an_external_id_belongs_to_one_account_in_business() {
    let house = house().await;
    let mut desk = desk(&house);
    let (miller, okafor) = (desk.open(family("Miller")).await, desk.open(family("Okafor")).await);
    call(&house, &miller, "77").await.unwrap();

    let taken = call(&house, &okafor, "77").await.unwrap_err();
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "EXTERNAL_ID_TAKEN"));
    desk.accounts.archive_account(pb::ArchiveAccountRequest { id: miller.id.clone() }).await.unwrap();
    let reference = call(&house, &okafor, "77").await.unwrap();
    let closed = call(&house, &miller, "79").await.unwrap_err();
    assert_eq!(reason(&closed), "ACCOUNT_ARCHIVED");

    // Two would be called 77.
    let restore = pb::RestoreAccountRequest { id: miller.id.clone() };
    let taken = desk.accounts.restore_account(restore.clone()).await.unwrap_err();
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "EXTERNAL_ID_TAKEN"));
    let request = pb::DeleteExternalReferenceRequest { id: reference.id };
    references(&house).delete_external_reference(request).await.unwrap();
    desk.accounts.restore_account(restore).await.unwrap();
}

#[tokio::test]
async fn a4_of_twenty_who_claim_an_external_id_at_once_one_has_it() {
    let house = house().await;
    let mut desk = desk(&house);
    let mut claims = Vec::new();
    for n in 0..20 {
        let account = desk.open(family(&format!("Family {n}"))).await;
        let mut client = references(&house);
        claims.push(spawn(async move { client.create_external_reference(called(&account, "aim", "1")).await.is_ok() }));
    }
    let mut had = 0;
    for claim in claims {
        had += usize::from(claim.await.unwrap());
    }
    assert_eq!(had, 1);
}

#[tokio::test]
async fn the_customer_of_a_processor_stands_for_one_account() {
    let house = house().await;
    let mut desk = desk(&house);
    let (miller, okafor) = (desk.open(family("Miller")).await, desk.open(family("Okafor")).await);
    let mut links = ProcessorLinkServiceClient::new(house.user(&["accounts.edit"]));
    let link = |account: &pb::Account| pb::CreateProcessorLinkRequest {
        processor_link: Some(pb::ProcessorLink {
            account_id: account.id.clone(),
            processor: "stripe".to_owned(),
            customer_id: "cus_77".to_owned(),
            ..Default::default()
        }),
    };
    let linked = links.create_processor_link(link(&miller)).await.unwrap().into_inner().processor_link.unwrap();
    let taken = links.create_processor_link(link(&okafor)).await.unwrap_err();
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "PROCESSOR_CUSTOMER_TAKEN"));
    let request = pb::ListAccountProcessorLinksRequest { account_id: miller.id, ..Default::default() };
    let listed = links.list_account_processor_links(request).await.unwrap().into_inner().data;
    assert_eq!(listed, std::slice::from_ref(&linked));

    links.delete_processor_link(pb::DeleteProcessorLinkRequest { id: linked.id }).await.unwrap();
    links.create_processor_link(link(&okafor)).await.unwrap();
    assert_eq!(house.events::<pb::ProcessorLinkAdded>().await.len(), 2);
    assert_eq!(house.events::<pb::ProcessorLinkRemoved>().await.len(), 1);
}

#[tokio::test]
async fn references_and_links_are_listed_by_the_convention() {
    let house = house().await;
    let account = desk(&house).open(family("Miller")).await;
    let mut links = ProcessorLinkServiceClient::new(house.user(&["accounts.edit"]));
    for n in 0..5 {
        call(&house, &account, &format!("ext-{n}")).await.unwrap();
        let processor_link = pb::ProcessorLink {
            account_id: account.id.clone(),
            processor: "stripe".to_owned(),
            customer_id: format!("cus_{n}"),
            ..Default::default()
        };
        links
            .create_processor_link(pb::CreateProcessorLinkRequest { processor_link: Some(processor_link) })
            .await
            .unwrap();
    }
    let fixed = [("account_id", account.id.as_str())];
    let voice = || house.user(&["accounts.view"]);
    list_behaves(voice(), "accounts.v1.ExternalReferenceService/ListExternalReferences", &[]).await;
    list_behaves(voice(), "accounts.v1.ExternalReferenceService/ListAccountExternalReferences", &fixed).await;
    list_behaves(voice(), "accounts.v1.ProcessorLinkService/ListAccountProcessorLinks", &fixed).await;
}
