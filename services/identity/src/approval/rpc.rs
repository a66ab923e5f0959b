//! Approvals on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use db::{Audit, Context, Tx};
use kit::{App, Caller, Reply, check, refuse, write_with};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::{Code, Request};
use types::Violation;

use super::{Action, Approval, store};
use crate::pin::desk::{self, Desk, Looked};
use crate::second_factor::check::{Factors, Proof};
use crate::session::tokens::Tokens;
use crate::session::{rpc as sessions, store as clocks};
use crate::sign_in::examine::{self, Examined, Examiner};
use crate::user::{State, UserId, store as users};
use crate::{Error, NAME};

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) examiner: Examiner,
    pub(crate) factors: Factors,
    pub(crate) desk: Desk,
}

/// Who approves, as he showed it.
enum Approver {
    ByPassword(examine::Known, Proof),
    ByPin(desk::Known),
}

#[async_trait]
impl pb::approval_service_server::ApprovalService for Rpc {
    async fn create_approval(&self, request: Request<pb::CreateApprovalRequest>) -> Reply<pb::CreateApprovalResponse> {
        let (caller, message) = check(&request)?;
        let (caller, message) = (caller.clone(), message.clone());
        let approver = self.approver(&caller, &message).await.map_err(|error| refuse(NAME, &error))?;
        let prepared = (approver, Arc::clone(&self.tokens));
        let given = write_with(&self.app.db, request, &prepared, async |tx, caller, message, (shown, tokens)| {
            let (actor, _) = sessions::own(caller)?;
            let action = Action::parse(&message.action)?;
            let approver = users::hold(tx, shown.id()).await?;
            if approver.state != State::Active {
                return Err(Error::ApprovalRefused);
            }
            shown.settle(tx).await.map_err(one_answer)?;
            let approval = Approval::give(actor, &approver, action, &message.resource_id, caller.now)?;
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
        .await;
        if given.as_ref().is_err_and(|refused| refused.code() == Code::PermissionDenied) {
            let recorded = self.record_refused(&caller, &message, Some(prepared.0.id())).await;
            recorded.map_err(|error| refuse(NAME, &error))?;
        }
        given
    }
}

impl Rpc {
    async fn approver(&self, caller: &Caller, message: &pb::CreateApprovalRequest) -> Result<Approver, Error> {
        let action = Action::parse(&message.action)?;
        let shown = match (filled(&message.email), filled(&message.employee_number)) {
            (Some(email), None) => self.by_password(caller, message, email).await.map_err(one_answer)?,
            (None, Some(number)) => self.by_pin(caller, message, number).await.map_err(one_answer)?,
            _ => return Err(Violation::new("email", "or an employee number must be given, and not both").into()),
        };
        let (actor, _) = sessions::own(caller)?;
        let approver = users::get(&mut *self.app.db.read().await?, shown.id()).await?;
        if let Err(denied) = action.may_be_approved(actor, &approver) {
            return Err(self.deny(caller, message, &shown).await.map_or_else(|refused| refused, |()| denied));
        }
        Ok(shown)
    }

    /// Somebody showed who he is, and may not approve: that was no failure, so his try is given back in a transaction of its
    /// own. Only a code that is right says so much, and it is used up all the same.
    async fn deny(&self, caller: &Caller, message: &pb::CreateApprovalRequest, shown: &Approver) -> Result<(), Error> {
        let mut tx = self.app.db.begin(caller.context(NAME)).await?;
        match shown.take_back(&mut tx).await.map_err(one_answer) {
            Ok(()) => Ok(self.app.db.commit(tx).await?),
            Err(Error::ApprovalRefused) => {
                drop(tx);
                self.record_refused(caller, message, Some(shown.id())).await?;
                Err(Error::ApprovalRefused)
            }
            Err(other) => Err(other),
        }
    }

    /// What was shown turned out not to hold.
    async fn record_refused(
        &self,
        caller: &Caller,
        message: &pb::CreateApprovalRequest,
        id: Option<UserId>,
    ) -> Result<(), Error> {
        match filled(&message.email) {
            Some(email) => self.examiner.record_refused(caller, email, id).await,
            None => self.desk.record_refused(caller, id).await,
        }
    }

    async fn by_password(
        &self,
        caller: &Caller,
        message: &pb::CreateApprovalRequest,
        email: &str,
    ) -> Result<Approver, Error> {
        let password = message.password.as_deref().unwrap_or_default();
        match self.examiner.examine(caller, email, password).await? {
            Examined::Right(known) => match self.factors.look(caller, known.id, message.code.as_deref()).await {
                Ok(factor) => {
                    self.examiner.guard.forgive_address(caller);
                    Ok(Approver::ByPassword(known, factor))
                }
                Err(refused @ (Error::SignInRefused | Error::SecondFactorRequired)) => {
                    self.examiner.record_refused(caller, email, Some(known.id)).await?;
                    Err(refused)
                }
                Err(other) => Err(other),
            },
            Examined::Refused(id) => {
                self.examiner.record_refused(caller, email, id).await?;
                Err(Error::ApprovalRefused)
            }
        }
    }

    async fn by_pin(
        &self,
        caller: &Caller,
        message: &pb::CreateApprovalRequest,
        number: &str,
    ) -> Result<Approver, Error> {
        let device = desk::device(message.device_id.as_deref().unwrap_or_default())?;
        match self.desk.look(caller, device, number, message.pin.as_deref().unwrap_or_default()).await? {
            Looked::Right(known) => Ok(Approver::ByPin(known)),
            Looked::Refused(id) => {
                self.desk.record_refused(caller, id).await?;
                Err(Error::ApprovalRefused)
            }
        }
    }
}

impl Approver {
    fn id(&self) -> UserId {
        match self {
            Self::ByPassword(known, _) => known.id,
            Self::ByPin(known) => known.id,
        }
    }

    /// His tries are forgotten, and a code is used up.
    async fn settle(&self, tx: &mut Tx) -> Result<(), Error> {
        match self {
            Self::ByPassword(known, factor) => {
                factor.use_up(tx, known.id).await?;
                known.counted.forgive(tx).await
            }
            Self::ByPin(known) => known.settle(tx).await,
        }
    }

    /// This try is given back, what failed before still counts, and a code is used up.
    async fn take_back(&self, tx: &mut Tx) -> Result<(), Error> {
        match self {
            Self::ByPassword(known, factor) => {
                factor.use_up(tx, known.id).await?;
                known.counted.take_back(tx).await
            }
            Self::ByPin(known) => known.take_back(tx).await,
        }
    }
}

/// Nobody is signed out by an approver's mistake.
fn one_answer(error: Error) -> Error {
    match error {
        Error::SignInRefused | Error::SecondFactorRequired => Error::ApprovalRefused,
        other => other,
    }
}

fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// The record names both: who is going to act, and who allowed it.
fn record(tx: &mut Tx, approval: &Approval) {
    let context = tx.context().clone();
    tx.act_for(Context { approver_id: Some(approval.approver.uuid()), ..context });
    let fields = json!({ "action": approval.action.rpc, "resource_id": approval.resource_id });
    tx.audit(Audit::created("approval", approval.id, fields));
}
