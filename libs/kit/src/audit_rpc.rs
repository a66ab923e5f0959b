//! The audit trail of the hosting service, over the one list convention.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use db::{List, Select, Sorts};
use proto::common::v1 as pb;
use proto::common::v1::audit_service_server::AuditService;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use tokio::sync::Semaphore;
use tonic::{Request, Response};
use types::id::parse_uuid;

use crate::refusal::Common;
use crate::{App, Reply, check, read, refuse};

/// Implements `AuditService` for any service.
#[derive(Clone, Debug)]
pub(crate) struct AuditRpc {
    app: App,
    chains: Vec<db::seal::Chain>,
    /// One verification at a time: it reads everything.
    verifying: Arc<Semaphore>,
}

impl AuditRpc {
    pub(crate) fn new(app: App, chains: Vec<db::seal::Chain>) -> Self {
        Self { app, chains, verifying: Arc::new(Semaphore::new(1)) }
    }
}

const SELECT: Select = Select {
    columns: "a.id, a.action, a.subject_kind, a.subject_id, a.actor_id, a.actor_name, a.approver_id, a.request_id, \
              a.before::text as before, a.after::text as after, a.created_at, s.number, s.hash, current_schema()::text as service",
    from: "audit a left join seal s on s.chain = 'audit' and s.row_id = a.id",
    id: "a.id",
};
const SORTS: Sorts = &[("created_at", "a.created_at"), ("action", "a.action"), ("actor_name", "a.actor_name")];

struct Record(pb::AuditRecord);

impl FromRow<'_, PgRow> for Record {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let id = |name: &str| row.try_get::<Option<uuid::Uuid>, _>(name).map(|id| id.map(|id| id.to_string()));
        Ok(Self(pb::AuditRecord {
            id: row.try_get::<uuid::Uuid, _>("id")?.to_string(),
            service: row.try_get("service")?,
            action: row.try_get("action")?,
            subject_kind: row.try_get("subject_kind")?,
            subject_id: row.try_get("subject_id")?,
            actor_id: id("actor_id")?,
            actor_name: row.try_get("actor_name")?,
            approver_id: id("approver_id")?,
            request_id: row.try_get("request_id")?,
            before_json: row.try_get("before")?,
            after_json: row.try_get("after")?,
            created_at: Some(proto::timestamp(row.try_get::<DateTime<Utc>, _>("created_at")?)),
            seal: row.try_get("number")?,
            hash: row.try_get::<Option<Vec<u8>>, _>("hash")?.map(|hash| crate::hex(&hash)),
        }))
    }
}

impl From<Record> for pb::AuditRecord {
    fn from(record: Record) -> Self {
        record.0
    }
}

#[async_trait]
impl AuditService for AuditRpc {
    async fn list_audit_records(
        &self,
        request: Request<pb::ListAuditRecordsRequest>,
    ) -> Reply<pb::ListAuditRecordsResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let list = List::parse(&message).map_err(Common::Invalid)?;
            let actor = message.actor_id.as_deref().map(|id| parse_uuid("actor_id", id)).transpose()?;
            let page = list
                .page::<Record, Common>(db, SELECT, SORTS, |rows| {
                    rows.eq_some("a.subject_id", message.subject_id.clone());
                    rows.eq_some("a.actor_id", actor);
                    rows.eq_some("a.request_id", message.request_id.clone());
                    rows.eq_some("a.action", message.action.clone());
                    rows.search(&["a.action", "a.subject_kind", "a.subject_id", "a.actor_name"], &list.q);
                })
                .await?;
            Ok::<_, Common>(page.answer(&list))
        })
        .await
    }

    async fn verify_audit(&self, request: Request<pb::VerifyAuditRequest>) -> Reply<pb::VerifyAuditResponse> {
        check(&request)?;
        let no = |error: Common| refuse(self.app.name, &error);
        let _turn = self.verifying.try_acquire().map_err(|_| no(Common::Overloaded))?;
        let chains = async {
            let mut db = self.app.db.background().await?;
            let mut chains = Vec::new();
            for chain in &self.chains {
                let report = db::seal::verify(&mut db, chain, None).await?;
                chains.push(pb::ChainState {
                    chain: chain.name.to_owned(),
                    sealed: report.sealed,
                    waiting: report.waiting,
                    head: crate::hex(&report.head),
                    broken_at: report.broken_at,
                });
            }
            Ok::<_, Common>(chains)
        };
        Ok(Response::new(pb::VerifyAuditResponse { chains: chains.await.map_err(no)? }))
    }
}
