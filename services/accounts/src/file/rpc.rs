//! Files on the wire.

use std::pin::Pin;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use db::{Db, List, Subject};
use files::{Files, Links, Taken};
use futures_util::{Stream, StreamExt, stream};
use kit::{Caller, Parts, Received, Reply, Tx, approve, check, expect_etag, read, receive, refuse, replay};
use kit::{write, write_with};
use proto::accounts::v1 as pb;
use proto::accounts::v1::file_service_server::FileService;
use proto::google::api::HttpBody;
use serde_json::json;
use tonic::{Request, Response, Status, Streaming};
use types::Violation;

use super::sweep::Sweeper;
use super::{File, FileId, Purpose, forsaken_at, link_ends_at, name, scan_of, store};
use crate::audit::Audit;
use crate::change::text;
use crate::identity_document::{self, IdentityDocumentId};
use crate::member::{self, MemberId};
use crate::{Error, personal_data};

pub(crate) struct Rpc {
    pub(crate) db: Db,
    pub(crate) files: Files,
    pub(crate) links: Links,
    pub(crate) sweeper: Sweeper,
}

/// Bytes that are kept and wait for their file to be written.
struct Kept {
    id: FileId,
    content_type: &'static str,
    size_bytes: i64,
    sha256: String,
}

#[async_trait]
impl FileService for Rpc {
    async fn list_files(&self, request: Request<pb::ListFilesRequest>) -> Reply<pb::ListFilesResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let member = member::store::get(conn, MemberId::parse("member_id", &message.member_id)?).await?;
            let purpose = message.purpose.map(|_| message.purpose()).and_then(purpose);
            Ok::<_, Error>(store::list(conn, member.id, purpose, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_file(&self, request: Request<pb::GetFileRequest>) -> Reply<pb::GetFileResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let file = store::get(conn, FileId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetFileResponse { file: Some(file.into()) })
        })
        .await
    }

    async fn upload_file(&self, request: Request<Streaming<pb::UploadFileRequest>>) -> Reply<pb::UploadFileResponse> {
        let Received { mut request, content_type, parts } = receive(request).await?;
        let (now, context) = check(&request).map(|(caller, _)| (caller.now, caller.context("accounts")))?;
        let refused = |error: Error| refuse("accounts", &error);
        let taken = self.take(request.get_ref(), &content_type, parts).await.map_err(refused)?;
        // By its hash the file is a part of what makes two requests the same.
        let data = taken.sha256.to_vec().into();
        request.get_mut().content = Some(HttpBody { data, ..HttpBody::default() });
        if let Some(known) = replay(&self.db, &request).await? {
            return Ok(known);
        }
        let kept = self.keep(context.clone(), now, &taken).await.map_err(refused)?;
        let reply = write_with(&self.db, request, &kept, async |tx, caller, message, kept| {
            let file = put(tx, caller, message, kept).await?;
            Ok::<_, Error>(pb::UploadFileResponse { file: Some(file.into()) })
        })
        .await;
        let answered = reply.as_ref().ok().and_then(|answer| answer.get_ref().file.as_ref());
        if answered.is_none_or(|file| file.id != kept.id.to_string()) {
            self.release(context, kept.id).await;
        }
        // A photo that was replaced left its bytes behind.
        self.sweeper.begin();
        reply
    }

    async fn link_file(&self, request: Request<pb::LinkFileRequest>) -> Reply<pb::LinkFileResponse> {
        write_with(&self.db, request, &self.links, async |tx, caller, message, links| {
            let file = store::get(tx, FileId::parse("id", &message.id)?).await?;
            if file.shows_a_number() {
                approve::<Error>(tx, caller, file.id).await?;
            }
            let expires_at = link_ends_at(caller.now);
            let url = format!("/v1/file-links/{}", links.sign(file.id.uuid(), expires_at)?);
            tx.audit(Audit::created("file", file.id, json!({ "linked": true })));
            Ok::<_, Error>(pb::LinkFileResponse { url, expires_at: Some(proto::timestamp(expires_at)) })
        })
        .await
    }

    type OpenFileLinkStream = Pin<Box<dyn Stream<Item = Result<pb::OpenFileLinkResponse, Status>> + Send>>;

    async fn open_file_link(&self, request: Request<pb::OpenFileLinkRequest>) -> Reply<Self::OpenFileLinkStream> {
        let (caller, message) = check(&request)?;
        let opened = self.open(&message.token, caller.now).await;
        let (file, parts) = opened.map_err(|error| refuse("accounts", &error))?;
        let first = pb::OpenFileLinkResponse {
            content: Some(HttpBody { content_type: file.content_type, ..HttpBody::default() }),
            filename: file.name,
            size_bytes: file.size_bytes,
        };
        let rest = stream::try_unfold(parts, async |mut parts| {
            let Some(data) = parts.next().await? else { return Ok(None) };
            let content = Some(HttpBody { data, ..HttpBody::default() });
            Ok(Some((pb::OpenFileLinkResponse { content, ..Default::default() }, parts)))
        });
        Ok(Response::new(Box::pin(stream::once(std::future::ready(Ok(first))).chain(rest))))
    }

    async fn delete_file(&self, request: Request<pb::DeleteFileRequest>) -> Reply<pb::DeleteFileResponse> {
        let reply = write(&self.db, request, async |tx, caller, message| {
            let file = store::lock(tx, FileId::parse("id", &message.id)?).await?;
            expect_etag(caller.if_match.as_deref(), file.version, || Error::FileChanged)?;
            store::delete(tx, file.id).await?;
            gone(tx, &file);
            Ok::<_, Error>(pb::DeleteFileResponse {})
        })
        .await;
        self.sweeper.begin();
        reply
    }
}

impl Rpc {
    /// Takes the bytes of a member who is there.
    async fn take(&self, message: &pb::UploadFileRequest, claimed: &str, parts: Parts) -> Result<Taken, Error> {
        let purpose = wanted(message)?;
        name(&message.name)?;
        let member_id = MemberId::parse("member_id", &message.member_id)?;
        member::store::get(&mut *self.db.read().await?, member_id).await?;
        Ok(self.files.take(&purpose.rules(), claimed, parts).await?)
    }

    /// Keeps the bytes; that they may be there is written down first.
    async fn keep(&self, context: db::Context, now: DateTime<Utc>, taken: &Taken) -> Result<Kept, Error> {
        let id = FileId::new();
        let mut tx = self.db.begin(context).await?;
        store::expect_bytes(&mut tx, id, forsaken_at(now)).await?;
        self.db.commit(tx).await?;
        self.files.keep(id.uuid(), taken).await?;
        let size_bytes = i64::try_from(taken.size).map_err(kit::Fault::new)?;
        Ok(Kept { id, content_type: taken.kind.content_type(), size_bytes, sha256: hex::encode(taken.sha256) })
    }

    /// Bytes whose file was not written may go at once; should that fail, in a day.
    async fn release(&self, context: db::Context, id: FileId) {
        let released = async {
            let mut tx = self.db.begin(context).await?;
            store::release_bytes(&mut tx, id).await?;
            Ok::<_, Error>(self.db.commit(tx).await?)
        };
        if let Err(error) = released.await {
            tracing::warn!(error = %error, "bytes without a file are left for a day");
        }
    }

    /// The file that a link opens now, and its bytes.
    async fn open(&self, token: &str, now: DateTime<Utc>) -> Result<(File, Parts), Error> {
        let id = self.links.open(token, now).ok_or(Error::FileLinkNotFound)?;
        let found = store::find(&mut *self.db.read().await?, FileId::from_uuid(id)).await?;
        let file = found.ok_or(Error::FileLinkNotFound)?;
        let parts = self.files.read(id).await?.ok_or(Error::FileLinkNotFound)?;
        Ok((file, parts))
    }
}

/// Writes the file that has the bytes, in the place of those it replaces.
async fn put(tx: &mut Tx, caller: &Caller, message: &pb::UploadFileRequest, kept: &Kept) -> Result<File, Error> {
    let purpose = wanted(message)?;
    let member = personal_data::store::lock_known(tx, MemberId::parse("member_id", &message.member_id)?).await?;
    let scanned = text(message.identity_document_id.as_deref());
    let scanned = scanned.map(|id| IdentityDocumentId::parse("identity_document_id", &id)).transpose()?;
    if let Some(id) = scanned {
        scan_of(&identity_document::store::lock(tx, id).await?, purpose, member.id)?;
    }
    store::claim_bytes(tx, kept.id, caller.now).await?;
    if purpose.is_single() {
        for replaced in store::delete_all(tx, member.id, purpose).await? {
            gone(tx, &replaced);
        }
    }
    let file = File {
        id: kept.id,
        member_id: member.id,
        purpose,
        name: name(&message.name)?,
        content_type: kept.content_type.to_owned(),
        size_bytes: kept.size_bytes,
        sha256: kept.sha256.clone(),
        identity_document_id: scanned,
        version: 1,
        created_at: caller.now,
    };
    let file = store::insert(tx, &file).await?;
    tx.audit(Audit::created("file", file.id, told(&file)));
    let event = pb::FileChanged {
        file_id: file.id.to_string(),
        member_id: file.member_id.to_string(),
        purpose: pb::file::Purpose::from(file.purpose).into(),
        content_type: file.content_type.clone(),
        size_bytes: file.size_bytes,
        identity_document_id: file.identity_document_id.map(|id| id.to_string()),
        version: file.version,
    };
    tx.publish(Subject { id: file.id.uuid(), version: file.version }, &event);
    Ok(file)
}

/// Removes the scans of documents that go.
pub(crate) async fn remove_scans(tx: &mut Tx, documents: &[IdentityDocumentId]) -> Result<(), Error> {
    for scan in store::delete_scans(tx, documents).await? {
        gone(tx, &scan);
    }
    Ok(())
}

/// Records and tells that a file is gone.
fn gone(tx: &mut Tx, file: &File) {
    tx.audit(Audit::removed("file", file.id, told(file)));
    let event = pb::FileDeleted { file_id: file.id.to_string(), member_id: file.member_id.to_string() };
    tx.publish(Subject { id: file.id.uuid(), version: file.version + 1 }, &event);
}

/// What the audit says of a file: never its name, nor what tells it from others.
fn told(file: &File) -> serde_json::Value {
    json!({
        "member_id": file.member_id.to_string(), "purpose": <&str>::from(file.purpose),
        "content_type": file.content_type, "size_bytes": file.size_bytes,
    })
}

fn wanted(message: &pb::UploadFileRequest) -> Result<Purpose, Violation> {
    purpose(message.purpose()).ok_or_else(|| Violation::new("purpose", "is required"))
}

fn purpose(purpose: pb::file::Purpose) -> Option<Purpose> {
    match purpose {
        pb::file::Purpose::Unspecified => None,
        pb::file::Purpose::Photo => Some(Purpose::Photo),
        pb::file::Purpose::Document => Some(Purpose::Document),
        pb::file::Purpose::Form => Some(Purpose::Form),
    }
}

impl From<Purpose> for pb::file::Purpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Photo => Self::Photo,
            Purpose::Document => Self::Document,
            Purpose::Form => Self::Form,
        }
    }
}

impl From<File> for pb::File {
    fn from(file: File) -> Self {
        Self {
            id: file.id.to_string(),
            member_id: file.member_id.to_string(),
            purpose: pb::file::Purpose::from(file.purpose).into(),
            name: file.name,
            content_type: file.content_type,
            size_bytes: file.size_bytes,
            sha256: file.sha256,
            identity_document_id: file.identity_document_id.map(|id| id.to_string()),
            created_at: Some(proto::timestamp(file.created_at)),
            etag: kit::etag(file.version),
        }
    }
}
