//! Identity documents on the wire.

use async_trait::async_trait;
use cipher::{Keys, Place};
use db::{Db, List, Subject};
use kit::{Caller, Reply, Tx, expect_etag, read, write, write_with};
use proto::accounts::v1 as pb;
use proto::accounts::v1::identity_document_service_server::IdentityDocumentService;
use serde_json::json;
use tonic::Request;
use types::{Date, Violation, parse_date};

use super::{IdentityDocument, IdentityDocumentId, Kind, State, compared, end_of, state_on, store};
use crate::Error;
use crate::audit::Audit;
use crate::change::{named, text};
use crate::file::{self, sweep::Sweeper};
use crate::member::{self, MemberId};
use crate::personal_data;

pub(crate) struct Rpc {
    pub(crate) db: Db,
    pub(crate) keys: Keys,
    pub(crate) sweeper: Sweeper,
}

#[async_trait]
impl IdentityDocumentService for Rpc {
    async fn list_identity_documents(
        &self,
        request: Request<pb::ListIdentityDocumentsRequest>,
    ) -> Reply<pb::ListIdentityDocumentsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let member = member::store::get(conn, MemberId::parse("member_id", &message.member_id)?).await?;
            Ok::<_, Error>(store::list(conn, member.id, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_identity_document(
        &self,
        request: Request<pb::GetIdentityDocumentRequest>,
    ) -> Reply<pb::GetIdentityDocumentResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let document = store::get(conn, IdentityDocumentId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetIdentityDocumentResponse { identity_document: Some(document.into()) })
        })
        .await
    }

    async fn create_identity_document(
        &self,
        request: Request<pb::CreateIdentityDocumentRequest>,
    ) -> Reply<pb::CreateIdentityDocumentResponse> {
        write_with(&self.db, request, &self.keys, async |tx, caller, message, keys| {
            let new = wanted(message.identity_document.as_ref())?;
            let member_id = MemberId::parse("identity_document.member_id", &new.member_id)?;
            let today = shop::today(tx, caller.now).await?;
            personal_data::store::lock_known(tx, member_id).await?;
            let document = store::insert(tx, &draft(new, member_id, today, keys, caller)?).await?;
            let after = json!({
                "member_id": member_id.to_string(), "kind": <&str>::from(document.kind),
                "expires_on": document.expires_on.map(|day| day.to_string()),
            });
            tx.audit(Audit::created("identity_document", document.id, after));
            tell(tx, &document);
            Ok::<_, Error>(pb::CreateIdentityDocumentResponse { identity_document: Some(document.into()) })
        })
        .await
    }

    async fn update_identity_document(
        &self,
        request: Request<pb::UpdateIdentityDocumentRequest>,
    ) -> Reply<pb::UpdateIdentityDocumentResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let update = wanted(message.identity_document.as_ref())?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let today = shop::today(tx, caller.now).await?;
            let before = lock(tx, caller, "identity_document.id", &update.id).await?;
            let mut after = before.clone();
            if named(mask, "issuer") {
                after.issuer = text(update.issuer.as_deref());
            }
            if named(mask, "expires_on") {
                after.expires_on = expires_on(update)?;
                after.state = state_on(after.expires_on, today);
            }
            if after == before {
                return Ok(pb::UpdateIdentityDocumentResponse { identity_document: Some(before.into()) });
            }
            let document = store::save(tx, &after).await?;
            let seen = |d: &IdentityDocument| {
                json!({ "issuer": d.issuer, "expires_on": d.expires_on.map(|day| day.to_string()),
                        "state": <&str>::from(d.state) })
            };
            tx.audit(Audit::changed("identity_document", document.id, seen(&before), seen(&document)));
            tell(tx, &document);
            Ok::<_, Error>(pb::UpdateIdentityDocumentResponse { identity_document: Some(document.into()) })
        })
        .await
    }

    async fn reveal_identity_document(
        &self,
        request: Request<pb::RevealIdentityDocumentRequest>,
    ) -> Reply<pb::RevealIdentityDocumentResponse> {
        write_with(&self.db, request, &self.keys, async |tx, _caller, message, keys| {
            let document = store::get(tx, IdentityDocumentId::parse("id", &message.id)?).await?;
            let number = keys.open_text(&place(document.id), &document.sealed).await?;
            tx.audit(Audit::created("identity_document", document.id, json!({ "revealed": true })));
            let revealed = pb::IdentityDocument { number: Some(number), ..document.into() };
            Ok::<_, Error>(pb::RevealIdentityDocumentResponse { identity_document: Some(revealed) })
        })
        .await
    }

    async fn delete_identity_document(
        &self,
        request: Request<pb::DeleteIdentityDocumentRequest>,
    ) -> Reply<pb::DeleteIdentityDocumentResponse> {
        let reply = write(&self.db, request, async |tx, caller, message| {
            let document = lock(tx, caller, "id", &message.id).await?;
            store::delete(tx, document.id).await?;
            file::rpc::remove_scans(tx, &[document.id]).await?;
            let before = json!({ "member_id": document.member_id.to_string(), "kind": <&str>::from(document.kind) });
            tx.audit(Audit::removed("identity_document", document.id, before));
            let subject = Subject { id: document.id.uuid(), version: document.version + 1 };
            let event = pb::IdentityDocumentDeleted { identity_document_id: document.id.to_string() };
            tx.publish(subject, &event);
            Ok::<_, Error>(pb::DeleteIdentityDocumentResponse {})
        })
        .await;
        self.sweeper.begin();
        reply
    }
}

/// Where the number of a document stands.
pub(crate) fn place(id: IdentityDocumentId) -> Place {
    Place::new("identity_document", "sealed", id.uuid())
}

/// Tells the others what a document is now; its number is told to nobody.
pub(super) fn tell(tx: &mut Tx, document: &IdentityDocument) {
    let subject = Subject { id: document.id.uuid(), version: document.version };
    let version = document.version;
    tx.publish(subject, &pb::IdentityDocumentChanged { identity_document: Some(document.clone().into()), version });
}

async fn lock(tx: &mut Tx, caller: &Caller, field: &str, id: &str) -> Result<IdentityDocument, Error> {
    let document = store::lock(tx, IdentityDocumentId::parse(field, id)?).await?;
    expect_etag(caller.if_match.as_deref(), document.version, || Error::IdentityDocumentChanged)?;
    Ok(document)
}

fn wanted(document: Option<&pb::IdentityDocument>) -> Result<&pb::IdentityDocument, Violation> {
    document.ok_or_else(|| Violation::new("identity_document", "is required"))
}

fn draft(
    new: &pb::IdentityDocument,
    member_id: MemberId,
    today: Date,
    keys: &Keys,
    caller: &Caller,
) -> Result<IdentityDocument, Error> {
    const NUMBER: &str = "identity_document.number";
    let id = IdentityDocumentId::new();
    let number = text(new.number.as_deref()).ok_or_else(|| Violation::new(NUMBER, "is required"))?;
    if compared(&number).chars().count() < 3 {
        return Err(Violation::new(NUMBER, "must have at least 3 letters or digits").into());
    }
    let kind = kind(new.kind()).ok_or_else(|| Violation::new("identity_document.kind", "is required"))?;
    let expires_on = expires_on(new)?;
    Ok(IdentityDocument {
        id,
        member_id,
        kind,
        sealed: keys.seal(&place(id), number.as_bytes())?,
        blind: keys.blind(&compared(&number))?,
        number_end: end_of(&number),
        issuer: text(new.issuer.as_deref()),
        expires_on,
        state: state_on(expires_on, today),
        version: 1,
        created_at: caller.now,
        updated_at: caller.now,
    })
}

fn expires_on(message: &pb::IdentityDocument) -> Result<Option<Date>, Violation> {
    let day = text(message.expires_on.as_deref());
    day.map(|day| parse_date("identity_document.expires_on", &day)).transpose()
}

fn kind(kind: pb::identity_document::Kind) -> Option<Kind> {
    match kind {
        pb::identity_document::Kind::Unspecified => None,
        pb::identity_document::Kind::DrivingLicence => Some(Kind::DrivingLicence),
        pb::identity_document::Kind::Passport => Some(Kind::Passport),
        pb::identity_document::Kind::SchoolId => Some(Kind::SchoolId),
        pb::identity_document::Kind::NationalId => Some(Kind::NationalId),
        pb::identity_document::Kind::Other => Some(Kind::Other),
    }
}

impl From<Kind> for pb::identity_document::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::DrivingLicence => Self::DrivingLicence,
            Kind::Passport => Self::Passport,
            Kind::SchoolId => Self::SchoolId,
            Kind::NationalId => Self::NationalId,
            Kind::Other => Self::Other,
        }
    }
}

impl From<IdentityDocument> for pb::IdentityDocument {
    fn from(document: IdentityDocument) -> Self {
        let state = match document.state {
            State::Active => pb::identity_document::State::Active,
            State::Expired => pb::identity_document::State::Expired,
        };
        Self {
            id: document.id.to_string(),
            member_id: document.member_id.to_string(),
            kind: pb::identity_document::Kind::from(document.kind).into(),
            number: None,
            number_end: document.number_end,
            issuer: document.issuer,
            expires_on: document.expires_on.map(|day| day.to_string()),
            state: state.into(),
            created_at: Some(proto::timestamp(document.created_at)),
            updated_at: Some(proto::timestamp(document.updated_at)),
            etag: kit::etag(document.version),
        }
    }
}
