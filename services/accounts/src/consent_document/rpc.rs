//! Consent documents on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Reply, Tx, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::consent_document_service_server::ConsentDocumentService;
use serde_json::json;
use tonic::Request;
use types::Violation;

use super::{ConsentDocument, ConsentDocumentId, Draft, Text, store};
use crate::Error;
use crate::audit::Audit;
use crate::change::text;
use crate::consent;

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl ConsentDocumentService for Rpc {
    async fn list_consent_documents(
        &self,
        request: Request<pb::ListConsentDocumentsRequest>,
    ) -> Reply<pb::ListConsentDocumentsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let page = store::list(conn, text(message.r#type.as_deref()), &list).await?;
            Ok::<_, Error>(page.answer(&list))
        })
        .await
    }

    async fn get_consent_document(
        &self,
        request: Request<pb::GetConsentDocumentRequest>,
    ) -> Reply<pb::GetConsentDocumentResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let document = store::get(conn, ConsentDocumentId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetConsentDocumentResponse { consent_document: Some(document.into()) })
        })
        .await
    }

    async fn create_consent_document(
        &self,
        request: Request<pb::CreateConsentDocumentRequest>,
    ) -> Reply<pb::CreateConsentDocumentResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let new =
                message.consent_document.as_ref().ok_or_else(|| Violation::new("consent_document", "is required"))?;
            let draft = Draft {
                id: ConsentDocumentId::new(),
                kind: new.r#type.clone(),
                text: Text { title: new.title.trim().to_owned(), body: new.body.clone(), valid_days: new.valid_days },
                published_by: caller.user_id(),
                published_by_name: caller.user_name().to_owned(),
            };
            let document = publish(tx, &draft).await?;
            consent::sweep::supersede(tx, &document).await?;
            Ok::<_, Error>(pb::CreateConsentDocumentResponse { consent_document: Some(document.into()) })
        })
        .await
    }
}

/// Stores, records and tells a new version.
pub(crate) async fn publish(tx: &mut Tx, draft: &Draft) -> Result<ConsentDocument, Error> {
    let document = store::insert(tx, draft).await?;
    let ConsentDocument { id, kind, version, hash, .. } = &document;
    let after = json!({ "type": kind, "version": version, "title": document.text.title, "sha256": hash });
    tx.audit(Audit::created("consent_document", id, after));
    let event = pb::ConsentDocumentPublished {
        consent_document_id: id.to_string(),
        r#type: kind.clone(),
        version: *version,
        text_hash: hash.clone(),
    };
    tx.publish(Subject { id: id.uuid(), version: 1 }, &event);
    Ok(document)
}

impl From<ConsentDocument> for pb::ConsentDocument {
    fn from(document: ConsentDocument) -> Self {
        let ConsentDocument { id, kind, version, text, hash, published_by_name, created_at } = document;
        Self {
            id: id.to_string(),
            r#type: kind,
            version,
            title: text.title,
            body: text.body,
            text_hash: hash,
            valid_days: text.valid_days,
            published_by_name,
            created_at: Some(proto::timestamp(created_at)),
        }
    }
}
