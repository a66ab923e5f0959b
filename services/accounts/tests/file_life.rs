//! Links to files, and how files go.

use accounts::Accounts;
use kit::Service;
use proto::accounts::v1 as pb;
use proto::accounts::v1::file::Purpose;
use proto::accounts::v1::file_service_client::FileServiceClient;
use testing::{House, eventually};
use tonic::{Code, Status};
use types::uuid::Uuid;

use crate::file::{
    Files, PDF, PNG, about, bytes_are_gone, expected, files, has_bytes, names, photo, place, send, somebody,
};
use crate::identity_document::{documents, record};
use crate::{EVENING, fields, house, reason};

async fn run(house: &House<Accounts>, name: &str) {
    let job = house.service.jobs().into_iter().find(|job| job.name == name).unwrap();
    job.run_once(&house.app.db, "accounts").await.unwrap();
}

async fn link(files: &mut Files, id: &str) -> Result<String, Status> {
    let link = files.link_file(pb::LinkFileRequest { id: id.to_owned() }).await?.into_inner();
    Ok(link.url.strip_prefix("/v1/file-links/").unwrap().to_owned())
}

/// What a link gives to whoever has it: the first message, and all bytes.
async fn opened(house: &House<Accounts>, token: &str) -> Result<(pb::OpenFileLinkResponse, Vec<u8>), Status> {
    let request = pb::OpenFileLinkRequest { token: token.to_owned() };
    let mut parts = FileServiceClient::new(house.nobody()).open_file_link(request).await?.into_inner();
    let first = parts.message().await?.unwrap();
    let mut bytes = Vec::new();
    while let Some(part) = parts.message().await? {
        bytes.extend_from_slice(&part.content.unwrap().data);
    }
    Ok((first, bytes))
}

#[tokio::test]
async fn a_link_gives_the_file_to_whoever_has_it_for_five_minutes() {
    let house = house().await;
    let (ann, mut files) = (somebody(&house).await, files(&house));
    let bytes = [PDF, &vec![b'.'; 200_000]].concat();
    let form = send(&mut files, about(&ann.id, Purpose::Form, "Anns Zettel ü.pdf"), "", &bytes).await.unwrap();

    let token = link(&mut files, &form.id).await.unwrap();

    let (first, got) = opened(&house, &token).await.unwrap();
    assert_eq!((first.filename.as_str(), first.size_bytes), ("Anns Zettel ü.pdf", 200_015));
    assert_eq!((first.content.unwrap().content_type.as_str(), got == bytes), ("application/pdf", true));
    let (last, changed) = (token.len() - 1, if token.ends_with('A') { "B" } else { "A" });
    let other = Uuid::now_v7().to_string();
    for forged in [
        format!("{}{changed}", &token[..last]),
        token.replace(&form.id, &other),
        token.replacen('.', ".9", 1),
        "x".to_owned(),
        form.id.clone(),
    ] {
        let refused = opened(&house, &forged).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "FILE_LINK_NOT_FOUND"), "{forged}");
    }
    house.clock.set("2026-02-28T05:34:59Z".parse().unwrap());
    assert!(opened(&house, &token).await.is_ok());
    house.clock.set("2026-02-28T05:35:00Z".parse().unwrap());
    assert_eq!(reason(&opened(&house, &token).await.unwrap_err()), "FILE_LINK_NOT_FOUND");

    house.clock.set(EVENING.parse().unwrap());
    files.delete_file(pb::DeleteFileRequest { id: form.id.clone() }).await.unwrap();
    assert_eq!(reason(&opened(&house, &token).await.unwrap_err()), "FILE_LINK_NOT_FOUND");
    assert_eq!(reason(&link(&mut files, &form.id).await.unwrap_err()), "FILE_NOT_FOUND");
    bytes_are_gone(&house, &form.id).await;
    let recorded = house.audited().await.into_iter().filter(|(action, _)| action.ends_with("/LinkFile")).count();
    assert_eq!(recorded, 1);
}

#[tokio::test]
async fn the_scan_of_a_document_is_shown_to_who_may_see_its_number_and_goes_with_it() {
    let house = house().await;
    let (ann, ben, mut files) = (somebody(&house).await, somebody(&house).await, files(&house));
    let mut documents = documents(&house);
    let licence = record(&mut documents, &ann.id, "M123-4567", None).await.unwrap();
    let over = record(&mut documents, &ann.id, "A-1111", Some("2025-02-26")).await.unwrap();
    let scan = |member: &str, purpose, document: &str| pb::UploadFileRequest {
        identity_document_id: Some(document.to_owned()),
        ..about(member, purpose, "scan.png")
    };
    for (member, purpose) in [(&ben.id, Purpose::Document), (&ann.id, Purpose::Form)] {
        let refused = send(&mut files, scan(member, purpose, &licence.id), "", PNG).await.unwrap_err();
        assert_eq!(fields(&refused), ["identity_document_id"]);
    }
    let nothing = Uuid::now_v7().to_string();
    let refused = send(&mut files, scan(&ann.id, Purpose::Document, &nothing), "", PNG).await.unwrap_err();
    assert_eq!(reason(&refused), "IDENTITY_DOCUMENT_NOT_FOUND");

    let front = send(&mut files, scan(&ann.id, Purpose::Document, &licence.id), "", PNG).await.unwrap();
    let old = send(&mut files, scan(&ann.id, Purpose::Document, &over.id), "", PNG).await.unwrap();
    assert_eq!(front.identity_document_id.as_ref(), Some(&licence.id));
    let mut viewer = FileServiceClient::new(house.user(&["accounts.view"]));
    assert_eq!(reason(&link(&mut viewer, &front.id).await.unwrap_err()), "APPROVAL_NEEDED");
    let form = send(&mut files, about(&ann.id, Purpose::Form, "form.png"), "", PNG).await.unwrap();
    link(&mut viewer, &form.id).await.unwrap();
    link(&mut files, &front.id).await.unwrap();

    let request = proto::accounts::v1::DeleteIdentityDocumentRequest { id: licence.id };
    documents.delete_identity_document(request).await.unwrap();
    run(&house, "retention").await;
    run(&house, "remove-file-bytes").await;
    assert_eq!(names(&mut files, &ann.id, None).await, ["form.png"]);
    for gone in [&front.id, &old.id] {
        bytes_are_gone(&house, gone).await;
    }
    assert_eq!(house.events::<pb::FileDeleted>().await.len(), 2);
}

#[tokio::test]
async fn bytes_that_no_file_came_to_have_are_removed_after_a_day() {
    let house = house().await;
    let (ann, mut files) = (somebody(&house).await, files(&house));
    let kept = photo(&mut files, &ann.id, PNG).await.unwrap();
    // The process ended after it had kept the bytes, and before it wrote the file.
    let orphan = Uuid::now_v7().to_string();
    let bytes = place().join(&orphan[orphan.len() - 2..]);
    std::fs::create_dir_all(&bytes).unwrap();
    std::fs::write(bytes.join(&orphan), PNG).unwrap();
    sqlx::query("insert into file_bytes (file_id, removable_at) values ($1::uuid, '2026-03-01T05:30:00Z')")
        .bind(&orphan)
        .execute(&mut house.sql().await)
        .await
        .unwrap();

    house.clock.set("2026-03-01T05:29:59Z".parse().unwrap());
    run(&house, "remove-file-bytes").await;
    assert!(has_bytes(&orphan));
    house.clock.set("2026-03-01T05:30:00Z".parse().unwrap());
    run(&house, "remove-file-bytes").await;

    assert!(!has_bytes(&orphan) && has_bytes(&kept.id));
    assert_eq!(expected(&house).await, 1);
}

#[tokio::test]
async fn bytes_that_could_not_be_removed_are_removed_later() {
    let house = house().await;
    let (ann, mut files) = (somebody(&house).await, files(&house));
    let file = photo(&mut files, &ann.id, PNG).await.unwrap();
    let bytes = place().join(&file.id[file.id.len() - 2..]).join(&file.id);
    // What is no file cannot be removed like one.
    std::fs::remove_file(&bytes).unwrap();
    std::fs::create_dir(&bytes).unwrap();
    std::fs::write(bytes.join("x"), "x").unwrap();

    files.delete_file(pb::DeleteFileRequest { id: file.id.clone() }).await.unwrap();
    let job = house.service.jobs().into_iter().find(|job| job.name == "remove-file-bytes").unwrap();
    assert!(job.run_once(&house.app.db, "accounts").await.is_err());
    assert_eq!(expected(&house).await, 1, "it is not forgotten");

    std::fs::remove_dir_all(&bytes).unwrap();
    run(&house, "remove-file-bytes").await;
    assert_eq!(expected(&house).await, 0);
}

#[tokio::test]
async fn a_file_is_removed_by_who_saw_it() {
    let house = house().await;
    let (ann, mut files) = (somebody(&house).await, files(&house));
    let file = photo(&mut files, &ann.id, PNG).await.unwrap();
    let request = || pb::DeleteFileRequest { id: file.id.clone() };

    let mut clerk = FileServiceClient::new(house.user(&["accounts.edit"]));
    assert_eq!(clerk.delete_file(request()).await.unwrap_err().code(), Code::PermissionDenied);
    let mut stale = FileServiceClient::new(house.user_with(&["accounts.admin"], &[("if-match", "\"7\"")]));
    assert_eq!(reason(&stale.delete_file(request()).await.unwrap_err()), "FILE_CHANGED");
    files.delete_file(request()).await.unwrap();
    assert_eq!(reason(&files.delete_file(request()).await.unwrap_err()), "FILE_NOT_FOUND");
    bytes_are_gone(&house, &file.id).await;
}

#[tokio::test]
async fn who_is_erased_leaves_no_file_and_gets_none() {
    let house = house().await;
    let (ann, mut files) = (somebody(&house).await, files(&house));
    let licence = record(&mut documents(&house), &ann.id, "M123-4567", None).await.unwrap();
    let scan = pb::UploadFileRequest {
        identity_document_id: Some(licence.id),
        ..about(&ann.id, Purpose::Document, "zebulon.png")
    };
    let scan = send(&mut files, scan, "", PNG).await.unwrap();
    let picture = photo(&mut files, &ann.id, PNG).await.unwrap();

    crate::personal_data::erase(&house, &ann.id).await.unwrap();

    assert_eq!(names(&mut files, &ann.id, None).await, Vec::<String>::new());
    for gone in [&scan.id, &picture.id] {
        bytes_are_gone(&house, gone).await;
    }
    assert_eq!(crate::note::tables_that_hold(&house, "zebulon").await, Vec::<String>::new());
    assert_eq!(reason(&photo(&mut files, &ann.id, PNG).await.unwrap_err()), "ERASED");
    eventually("nothing is kept of what was refused", async || (expected(&house).await == 0).then_some(())).await;
}
