//! Approvals: what somebody may not do alone, he may do with the word of somebody who may.

use uuid::Uuid;

use db::{Context, Tx};

use crate::{Caller, Class, Refusal};

/// One person's leave for another to do one thing, as identity gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub id: Uuid,
    pub approver_id: Uuid,
    /// What may be done it to, such as a sale's id.
    pub resource_id: String,
    /// What the approver was allowed.
    pub permission: String,
}

/// Why nothing was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum NotApproved {
    #[error("this needs the permission {0}, or the approval of somebody who has it")]
    ApprovalNeeded(&'static str),
    #[error("this approval was used already; ask for another one")]
    ApprovalUsed,
}

impl NotApproved {
    pub fn class(&self) -> Class {
        Class::Forbidden
    }

    pub fn reason(&self) -> &'static str {
        self.into()
    }
}

/// The caller holds the permission that the RPC's option `approval` names, or shows an approval for this very resource.
/// The approval is used up by the transaction, and its records name the approver.
///
/// # Errors
/// [`NotApproved`], and the database's.
pub async fn approve<E>(tx: &mut Tx, caller: &Caller, resource_id: impl ToString + Send) -> Result<(), E>
where
    E: Refusal + From<NotApproved>,
{
    let Some(permission) = caller.rpc.approval else { return Ok(()) };
    if caller.may(permission) {
        return Ok(());
    }
    let resource_id = resource_id.to_string();
    let (Some(approval), Some(actor_id)) = (&caller.approval, caller.user_id()) else {
        return Err(NotApproved::ApprovalNeeded(permission).into());
    };
    if approval.resource_id != resource_id {
        return Err(NotApproved::ApprovalNeeded(permission).into());
    }
    let used = db::UsedApproval { id: approval.id, actor_id, approver_id: approval.approver_id, resource_id };
    if !db::use_approval(tx, &used).await? {
        return Err(NotApproved::ApprovalUsed.into());
    }
    tx.act_for(Context { approver_id: Some(approval.approver_id), ..tx.context().clone() });
    Ok(())
}
