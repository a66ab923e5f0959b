//! External references on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Reply, Tx, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::external_reference_service_server::ExternalReferenceService;
use serde_json::{Value, json};
use tonic::Request;
use types::Violation;

use super::{ExternalReference, ExternalReferenceId, Filter, store};
use crate::Error;
use crate::account::{self, AccountId};
use crate::audit::Audit;
use crate::change::text;

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl ExternalReferenceService for Rpc {
    async fn list_external_references(
        &self,
        request: Request<pb::ListExternalReferencesRequest>,
    ) -> Reply<pb::ListExternalReferencesResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let filter = Filter {
                account_id: None,
                system: text(message.system.as_deref()),
                external_id: text(message.external_id.as_deref()),
            };
            Ok::<_, Error>(store::list(conn, &filter, &list).await?.answer(&list))
        })
        .await
    }

    async fn list_account_external_references(
        &self,
        request: Request<pb::ListAccountExternalReferencesRequest>,
    ) -> Reply<pb::ListAccountExternalReferencesResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let account = account::store::get(conn, AccountId::parse("account_id", &message.account_id)?).await?;
            let filter = Filter { account_id: Some(account.id), ..Filter::default() };
            Ok::<_, Error>(store::list(conn, &filter, &list).await?.answer(&list))
        })
        .await
    }

    async fn create_external_reference(
        &self,
        request: Request<pb::CreateExternalReferenceRequest>,
    ) -> Reply<pb::CreateExternalReferenceResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let given = message.external_reference.as_ref();
            let given = given.ok_or_else(|| Violation::new("external_reference", "is required"))?;
            let account_id = AccountId::parse("external_reference.account_id", &given.account_id)?;
            account::store::lock(tx, account_id).await?.takes_members()?;
            let new = ExternalReference {
                id: ExternalReferenceId::new(),
                account_id,
                system: given.system.clone(),
                external_id: given.external_id.trim().to_owned(),
                created_at: caller.now,
            };
            let reference = store::insert(tx, &new).await?;
            tx.audit(Audit::created("external_reference", reference.id, record(&reference)));
            let subject = Subject { id: reference.id.uuid(), version: 1 };
            let answer: pb::ExternalReference = reference.into();
            tx.publish(subject, &pb::ExternalReferenceAdded { external_reference: Some(answer.clone()) });
            Ok::<_, Error>(pb::CreateExternalReferenceResponse { external_reference: Some(answer) })
        })
        .await
    }

    async fn delete_external_reference(
        &self,
        request: Request<pb::DeleteExternalReferenceRequest>,
    ) -> Reply<pb::DeleteExternalReferenceResponse> {
        write(&self.db, request, async |tx, _caller, message| {
            let id = ExternalReferenceId::parse("id", &message.id)?;
            let account_id = store::get(tx, id).await?.account_id;
            account::store::lock(tx, account_id).await?;
            let reference = store::get(tx, id).await?;
            store::delete(tx, id).await?;
            tx.audit(Audit::removed("external_reference", id, record(&reference)));
            let answer: pb::ExternalReference = reference.into();
            let subject = Subject { id: id.uuid(), version: 2 };
            tx.publish(subject, &pb::ExternalReferenceRemoved { external_reference: Some(answer.clone()) });
            Ok::<_, Error>(pb::DeleteExternalReferenceResponse { external_reference: Some(answer) })
        })
        .await
    }
}

/// Forgets all of an account; what they said is not told once more.
pub(crate) async fn forget(tx: &mut Tx, account_id: AccountId) -> Result<(), Error> {
    for reference in store::delete_all(tx, account_id).await? {
        let subject = Subject { id: reference.id.uuid(), version: 2 };
        let removed = pb::ExternalReference { external_id: String::new(), ..reference.into() };
        tx.publish(subject, &pb::ExternalReferenceRemoved { external_reference: Some(removed) });
    }
    Ok(())
}

fn record(reference: &ExternalReference) -> Value {
    let ExternalReference { account_id, system, external_id, .. } = reference;
    json!({ "account_id": account_id.to_string(), "system": system, "external_id": external_id })
}

impl From<ExternalReference> for pb::ExternalReference {
    fn from(reference: ExternalReference) -> Self {
        let ExternalReference { id, account_id, system, external_id, created_at } = reference;
        Self {
            id: id.to_string(),
            account_id: account_id.to_string(),
            system,
            external_id,
            created_at: Some(proto::timestamp(created_at)),
        }
    }
}
