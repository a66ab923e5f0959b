use std::path::PathBuf;

use accounts::{Accounts, Settings};
use futures_util::{StreamExt, stream};
use kit::config::Secret;
use proto::accounts::v1 as pb;
use proto::accounts::v1::file::Purpose;
use proto::accounts::v1::file_service_client::FileServiceClient;
use proto::google::api::HttpBody;
use testing::{House, Voice, eventually, list_behaves};
use tonic::{Code, Status};
use types::uuid::Uuid;

use crate::{desk, family, fields, house, house_with, person, reason};

pub(crate) type Files = FileServiceClient<Voice>;

pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n a picture";
pub(crate) const PDF: &[u8] = b"%PDF-1.7 a form";

/// Where the bytes of all tests are kept: ids never meet.
pub(crate) fn place() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("accounts-files")
}

pub(crate) fn files_url() -> Secret<String> {
    Secret::new(format!("file:{}", place().display()))
}

pub(crate) fn files(house: &House<Accounts>) -> Files {
    FileServiceClient::new(house.user(&["accounts.admin"]))
}

/// Whether there are bytes of a file.
pub(crate) fn has_bytes(id: &str) -> bool {
    place().join(&id[id.len() - 2..]).join(id).exists()
}

/// How many files' bytes there may be.
pub(crate) async fn expected(house: &House<Accounts>) -> i64 {
    sqlx::query_scalar("select count(*) from file_bytes").fetch_one(&mut house.sql().await).await.unwrap()
}

pub(crate) async fn bytes_are_gone(house: &House<Accounts>, id: &str) {
    eventually("the bytes are removed", async || {
        let known = sqlx::query_scalar::<_, i64>("select count(*) from file_bytes where file_id = $1::uuid");
        let known = known.bind(id).fetch_one(&mut house.sql().await).await.unwrap();
        (known == 0 && !has_bytes(id)).then_some(())
    })
    .await;
}

pub(crate) async fn somebody(house: &House<Accounts>) -> pb::Member {
    let mut desk = desk(house);
    let account = desk.open(family("Miller Family")).await;
    desk.add(person(&account, "Ann", "Miller")).await
}

pub(crate) fn about(member: &str, purpose: Purpose, name: &str) -> pb::UploadFileRequest {
    let name = name.to_owned();
    pb::UploadFileRequest { member_id: member.to_owned(), purpose: purpose.into(), name, ..Default::default() }
}

/// An upload in parts of a kilobyte.
pub(crate) async fn send(
    files: &mut Files,
    about: pb::UploadFileRequest,
    claimed: &str,
    bytes: &[u8],
) -> Result<pb::File, Status> {
    let content = |data: &[u8]| Some(HttpBody { data: data.to_vec().into(), ..HttpBody::default() });
    let kind = Some(HttpBody { content_type: claimed.to_owned(), ..HttpBody::default() });
    let mut messages = vec![pb::UploadFileRequest { content: kind, ..about }];
    messages.extend(
        bytes.chunks(64 * 1024).map(|part| pb::UploadFileRequest { content: content(part), ..Default::default() }),
    );
    Ok(files.upload_file(stream::iter(messages)).await?.into_inner().file.unwrap())
}

pub(crate) async fn photo(files: &mut Files, member: &str, bytes: &[u8]) -> Result<pb::File, Status> {
    send(files, about(member, Purpose::Photo, "ann.png"), "", bytes).await
}

pub(crate) async fn names(files: &mut Files, member: &str, purpose: Option<Purpose>) -> Vec<String> {
    let purpose = purpose.map(Into::into);
    let request = pb::ListFilesRequest { member_id: member.to_owned(), purpose, ..Default::default() };
    files.list_files(request).await.unwrap().into_inner().data.into_iter().map(|file| file.name).collect()
}

#[tokio::test]
async fn a_file_is_kept_and_told_without_its_name() {
    let house = house().await;
    let (ann, mut files) = (somebody(&house).await, files(&house));
    let bytes = [PDF, &vec![b'.'; 200_000]].concat();

    let form = send(&mut files, about(&ann.id, Purpose::Form, " Ann's consent.pdf "), "application/pdf", &bytes);
    let form = form.await.unwrap();

    assert_eq!((form.name.as_str(), form.content_type.as_str()), ("Ann's consent.pdf", "application/pdf"));
    assert_eq!((form.size_bytes, form.sha256.len(), form.member_id.as_str()), (200_015, 64, ann.id.as_str()));
    let got = files.get_file(pb::GetFileRequest { id: form.id.clone() }).await.unwrap().into_inner().file.unwrap();
    assert_eq!(got, form);
    assert!(has_bytes(&form.id));
    let told = house.events::<pb::FileChanged>().await;
    assert_eq!((told.len(), &told[0].file_id, told[0].purpose()), (1, &form.id, Purpose::Form));
    let recorded = ("accounts.v1.FileService/UploadFile".to_owned(), "file".to_owned());
    assert_eq!(house.audited().await.pop(), Some(recorded));
    assert_eq!(crate::note::tables_that_hold(&house, "consent.pdf").await, ["file"]);
}

#[tokio::test]
async fn a_file_is_what_its_bytes_say_and_a_photo_is_a_picture() {
    let house = house().await;
    let (ann, mut files) = (somebody(&house).await, files(&house));

    let scan = send(&mut files, about(&ann.id, Purpose::Document, "licence.pdf"), "", PNG).await.unwrap();
    assert_eq!((scan.name.as_str(), scan.content_type.as_str()), ("licence.pdf", "image/png"));

    for (purpose, claimed, bytes, refused) in [
        (Purpose::Document, "application/pdf", PNG, "FILE_KIND_REFUSED"),
        (Purpose::Photo, "", PDF, "FILE_KIND_REFUSED"),
        (Purpose::Form, "", b"GIF89a", "FILE_KIND_REFUSED"),
        (Purpose::Form, "", b"<html><script>", "FILE_KIND_REFUSED"),
        (Purpose::Form, "image/png", b"MZ\x90\x00", "FILE_KIND_REFUSED"),
        (Purpose::Form, "", b"", "FILE_EMPTY"),
    ] {
        let answer = send(&mut files, about(&ann.id, purpose, "a.png"), claimed, bytes).await.unwrap_err();
        assert_eq!((answer.code(), reason(&answer).as_str()), (Code::InvalidArgument, refused), "{bytes:?}");
    }
    let long = [PNG, &vec![0; 10 * 1024 * 1024]].concat();
    let answer = photo(&mut files, &ann.id, &long).await.unwrap_err();
    assert_eq!((answer.code(), reason(&answer).as_str()), (Code::InvalidArgument, "UPLOAD_TOO_LARGE"));
    assert_eq!(names(&mut files, &ann.id, None).await, ["licence.pdf"]);
    assert_eq!(expected(&house).await, 1, "nothing was kept of what was refused");
    photo(&mut files, &ann.id, &long[..10 * 1024 * 1024]).await.unwrap();
}

#[tokio::test]
async fn a_file_says_whose_it_is_what_for_and_how_it_is_called() {
    let house = house().await;
    let (ann, mut files) = (somebody(&house).await, files(&house));
    let nobody = Uuid::now_v7().to_string();
    for (about, blamed) in [
        (about(&ann.id, Purpose::Form, ""), "name"),
        (about(&ann.id, Purpose::Form, "../../etc/passwd"), "name"),
        (about(&ann.id, Purpose::Form, "card 4111 1111 1111 1111.png"), "name"),
        (about(&ann.id, Purpose::Unspecified, "a.png"), "purpose"),
        (about("7", Purpose::Form, "a.png"), "member_id"),
    ] {
        let refused = send(&mut files, about, "", PNG).await.unwrap_err();
        assert_eq!(fields(&refused), [blamed], "{refused:?}");
    }
    let refused = send(&mut files, about(&nobody, Purpose::Form, "a.png"), "", PNG).await.unwrap_err();
    assert_eq!(reason(&refused), "MEMBER_NOT_FOUND");
    let mut viewer = FileServiceClient::new(house.user(&["accounts.view"]));
    let refused = photo(&mut viewer, &ann.id, PNG).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(expected(&house).await, 0);
}

#[tokio::test]
async fn an_upload_that_breaks_off_keeps_nothing() {
    let place = place().join(Uuid::now_v7().to_string());
    let url = Secret::new(format!("file:{}", place.display()));
    let house = house_with(Settings::new(testing::field_key(), url)).await;
    let (ann, mut sender) = (somebody(&house).await, files(&house));
    let drafts = async || std::fs::read_dir(place.join("spool")).unwrap().count();
    let content = Some(HttpBody { data: PNG.to_vec().into(), ..HttpBody::default() });
    let first = pb::UploadFileRequest { content, ..about(&ann.id, Purpose::Photo, "ann.png") };
    // More never comes.
    let stream = stream::iter([first]).chain(stream::pending());
    let upload = kit::task::spawn(async move { sender.upload_file(stream).await.map(|_| ()) });
    eventually("it has begun", async || (drafts().await == 1).then_some(())).await;

    upload.abort();

    eventually("what was begun is gone", async || (drafts().await == 0).then_some(())).await;
    assert_eq!((names(&mut files(&house), &ann.id, None).await.len(), expected(&house).await), (0, 0));
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 1, "nothing but the place for drafts");
    std::fs::remove_dir_all(&place).unwrap();
}

#[tokio::test]
async fn a_repeated_upload_is_one_file_and_another_file_is_another_request() {
    let house = house().await;
    let ann = somebody(&house).await;
    let mut files = FileServiceClient::new(house.user_with(&["accounts.admin"], &[("idempotency-key", "k1")]));
    let form = || about(&ann.id, Purpose::Form, "form.png");

    let first = send(&mut files, form(), "", PNG).await.unwrap();
    let again = send(&mut files, form(), "", PNG).await.unwrap();
    let other = send(&mut files, form(), "", PDF).await.unwrap_err();

    assert_eq!(again, first);
    assert_eq!(reason(&other), "IDEMPOTENCY_KEY_REUSED");
    let mut twins = Vec::new();
    let mut twin = FileServiceClient::new(house.user_with(&["accounts.admin"], &[("idempotency-key", "k2")]));
    for _ in 0..4 {
        let (mut files, form) = (twin.clone(), form());
        twins.push(kit::task::spawn(async move { send(&mut files, form, "", PNG).await }));
    }
    let mut ids = Vec::new();
    for done in twins {
        ids.push(done.await.unwrap().unwrap().id);
    }
    ids.dedup();
    assert_eq!((ids.len(), names(&mut twin, &ann.id, None).await.len()), (1, 2));
    eventually("bytes are left of no other", async || (expected(&house).await == 2).then_some(())).await;
    assert_eq!(house.events::<pb::FileChanged>().await.len(), 2);
}

#[tokio::test]
async fn the_newest_photo_takes_the_place_of_the_one_before() {
    let house = house().await;
    let (ann, mut files) = (somebody(&house).await, files(&house));
    send(&mut files, about(&ann.id, Purpose::Form, "form.pdf"), "", PDF).await.unwrap();
    let old = photo(&mut files, &ann.id, PNG).await.unwrap();

    let new = photo(&mut files, &ann.id, b"\xff\xd8\xff\xe0 a picture").await.unwrap();

    assert_eq!(new.content_type, "image/jpeg");
    let refused = files.get_file(pb::GetFileRequest { id: old.id.clone() }).await.unwrap_err();
    assert_eq!(reason(&refused), "FILE_NOT_FOUND");
    assert_eq!(names(&mut files, &ann.id, Some(Purpose::Photo)).await.len(), 1);
    assert_eq!(names(&mut files, &ann.id, None).await.len(), 2);
    bytes_are_gone(&house, &old.id).await;
    assert!(has_bytes(&new.id));
    let deleted = house.events::<pb::FileDeleted>().await;
    assert_eq!((deleted.len(), &deleted[0].file_id), (1, &old.id));
}

#[tokio::test]
async fn of_photos_that_come_at_once_one_is_left() {
    let house = house().await;
    let ann = somebody(&house).await;
    let mut sent = Vec::new();
    for n in 0..4 {
        let (mut files, member) = (files(&house), ann.id.clone());
        let bytes = [PNG, &[n]].concat();
        sent.push(kit::task::spawn(async move { photo(&mut files, &member, &bytes).await }));
    }
    for done in sent {
        done.await.unwrap().unwrap();
    }
    assert_eq!(names(&mut files(&house), &ann.id, Some(Purpose::Photo)).await.len(), 1);
    eventually("the bytes of one are left", async || (expected(&house).await == 1).then_some(())).await;
    assert_eq!(house.events::<pb::FileDeleted>().await.len(), 3);
}

#[tokio::test]
async fn files_are_listed_by_the_convention() {
    let house = house().await;
    let (ann, mut files) = (somebody(&house).await, files(&house));
    for n in 0..5 {
        send(&mut files, about(&ann.id, Purpose::Form, &format!("form {n}.png")), "", PNG).await.unwrap();
    }
    let of = [("member_id", ann.id.as_str())];
    list_behaves(house.user(&["accounts.view"]), "accounts.v1.FileService/ListFiles", &of).await;
}
