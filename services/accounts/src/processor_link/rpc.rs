//! Processor links on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Reply, Tx, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::processor_link_service_server::ProcessorLinkService;
use serde_json::{Value, json};
use tonic::Request;
use types::Violation;

use super::{ProcessorLink, ProcessorLinkId, store};
use crate::Error;
use crate::account::{self, AccountId};
use crate::audit::Audit;

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl ProcessorLinkService for Rpc {
    async fn list_account_processor_links(
        &self,
        request: Request<pb::ListAccountProcessorLinksRequest>,
    ) -> Reply<pb::ListAccountProcessorLinksResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let account = account::store::get(conn, AccountId::parse("account_id", &message.account_id)?).await?;
            Ok::<_, Error>(store::list(conn, account.id, &list).await?.answer(&list))
        })
        .await
    }

    async fn create_processor_link(
        &self,
        request: Request<pb::CreateProcessorLinkRequest>,
    ) -> Reply<pb::CreateProcessorLinkResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let given = message.processor_link.as_ref();
            let given = given.ok_or_else(|| Violation::new("processor_link", "is required"))?;
            let account_id = AccountId::parse("processor_link.account_id", &given.account_id)?;
            account::store::lock(tx, account_id).await?.takes_members()?;
            let new = ProcessorLink {
                id: ProcessorLinkId::new(),
                account_id,
                processor: given.processor.clone(),
                customer_id: given.customer_id.trim().to_owned(),
                created_at: caller.now,
            };
            let link = store::insert(tx, &new).await?;
            tx.audit(Audit::created("processor_link", link.id, record(&link)));
            let subject = Subject { id: link.id.uuid(), version: 1 };
            let answer: pb::ProcessorLink = link.into();
            tx.publish(subject, &pb::ProcessorLinkAdded { processor_link: Some(answer.clone()) });
            Ok::<_, Error>(pb::CreateProcessorLinkResponse { processor_link: Some(answer) })
        })
        .await
    }

    async fn delete_processor_link(
        &self,
        request: Request<pb::DeleteProcessorLinkRequest>,
    ) -> Reply<pb::DeleteProcessorLinkResponse> {
        write(&self.db, request, async |tx, _caller, message| {
            let id = ProcessorLinkId::parse("id", &message.id)?;
            let account_id = store::get(tx, id).await?.account_id;
            account::store::lock(tx, account_id).await?;
            let link = store::get(tx, id).await?;
            store::delete(tx, id).await?;
            tx.audit(Audit::removed("processor_link", id, record(&link)));
            let answer: pb::ProcessorLink = link.into();
            let subject = Subject { id: id.uuid(), version: 2 };
            tx.publish(subject, &pb::ProcessorLinkRemoved { processor_link: Some(answer.clone()) });
            Ok::<_, Error>(pb::DeleteProcessorLinkResponse { processor_link: Some(answer) })
        })
        .await
    }
}

/// Forgets all of an account; what they said is not told once more.
pub(crate) async fn forget(tx: &mut Tx, account_id: AccountId) -> Result<(), Error> {
    for link in store::delete_all(tx, account_id).await? {
        let subject = Subject { id: link.id.uuid(), version: 2 };
        let removed = pb::ProcessorLink { customer_id: String::new(), ..link.into() };
        tx.publish(subject, &pb::ProcessorLinkRemoved { processor_link: Some(removed) });
    }
    Ok(())
}

fn record(link: &ProcessorLink) -> Value {
    let ProcessorLink { account_id, processor, customer_id, .. } = link;
    json!({ "account_id": account_id.to_string(), "processor": processor, "customer_id": customer_id })
}

impl From<ProcessorLink> for pb::ProcessorLink {
    fn from(link: ProcessorLink) -> Self {
        let ProcessorLink { id, account_id, processor, customer_id, created_at } = link;
        Self {
            id: id.to_string(),
            account_id: account_id.to_string(),
            processor,
            customer_id,
            created_at: Some(proto::timestamp(created_at)),
        }
    }
}
