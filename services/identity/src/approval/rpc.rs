//! Approvals on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use db::{Audit, Context, Tx};
use kit::{App, Caller, Reply, check, refuse, write_with};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::Request;

use super::{Action, Approval, store};
use crate::session::tokens::Tokens;
use crate::session::{rpc as sessions, store as clocks};
use crate::sign_in::examine::{Examined, Examiner, Known};
use crate::user::{State, store as users};
use crate::{Error, NAME};

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) examiner: Examiner,
}

#[async_trait]
impl pb::approval_service_server::ApprovalService for Rpc {
    async fn create_approval(&self, request: Request<pb::CreateApprovalRequest>) -> Reply<pb::CreateApprovalResponse> {
        let (caller, message) = check(&request)?;
        let prepared = self.approver(caller, message).await.map_err(|error| refuse(NAME, &error))?;
        let prepared = (prepared, Arc::clone(&self.tokens));
        write_with(&self.app.db, request, &prepared, async |tx, caller, message, (known, tokens)| {
            let (actor, _) = sessions::own(caller)?;
            let action = Action::parse(&message.action)?;
            let approver = users::hold(tx, known.id).await?;
            if approver.state != State::Active {
                return Err(Error::ApprovalRefused);
            }
            let approval = Approval::give(actor, &approver, action, message.resource_id.trim(), caller.now)?;
            known.counted.forgive(tx).await?;
            store::insert(tx, &approval).await?;
            record(tx, &approval);
            let token = tokens.approval(&approval, clocks::clock(tx).await?)?;
            Ok::<_, Error>(pb::CreateApprovalResponse {
                id: approval.id.to_string(),
                token,
                approver_id: approval.approver.to_string(),
                expires_at: Some(proto::timestamp(approval.expires_at)),
            })
        })
        .await
    }
}

impl Rpc {
    /// Who approves; he shows what he signs in with.
    async fn approver(&self, caller: &Caller, message: &pb::CreateApprovalRequest) -> Result<Known, Error> {
        Action::parse(&message.action)?;
        let email = message.email.trim();
        match self.examiner.examine(caller, email, &message.password).await? {
            Examined::Right(known) => {
                self.examiner.guard.forgive_address(caller);
                Ok(known)
            }
            Examined::Refused(id) => {
                self.examiner.record_refused(caller, email, id).await?;
                Err(Error::ApprovalRefused)
            }
        }
    }
}

/// The record names both: who is going to act, and who allowed it.
fn record(tx: &mut Tx, approval: &Approval) {
    let context = tx.context().clone();
    tx.act_for(Context { approver_id: Some(approval.approver.uuid()), ..context });
    let fields = json!({ "action": approval.action.rpc, "resource_id": approval.resource_id });
    tx.audit(Audit::created("approval", approval.id, fields));
}
