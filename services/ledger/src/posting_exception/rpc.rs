//! Posting exceptions on the wire.

use async_trait::async_trait;
use db::List;
use kit::{App, Reply, read};
use proto::ledger::v1 as pb;
use proto::ledger::v1::posting_exception_service_server::PostingExceptionService;
use tonic::Request;

use super::{PostingException, store};
use crate::Error;

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl PostingExceptionService for Rpc {
    async fn list_posting_exceptions(
        &self,
        request: Request<pb::ListPostingExceptionsRequest>,
    ) -> Reply<pb::ListPostingExceptionsResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let list = List::parse(&message)?;
            let page = store::list(db, message.resolved.unwrap_or_default(), &list).await?;
            Ok::<_, Error>(page.answer(&list))
        })
        .await
    }
}

impl From<PostingException> for pb::PostingException {
    fn from(exception: PostingException) -> Self {
        let PostingException { id, event_id, event_kind, source_id, reason, created_at, resolved_at } = exception;
        Self {
            id: id.to_string(),
            event_id: event_id.to_string(),
            event_kind,
            source_id,
            reason,
            created_at: Some(proto::timestamp(created_at)),
            resolved_at: resolved_at.map(proto::timestamp),
        }
    }
}
