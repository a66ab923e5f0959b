//! All SQL of approvals.

use db::{OnConstraint, Tx};

use super::Approval;
use crate::Error;

pub(crate) async fn insert(tx: &mut Tx, approval: &Approval) -> Result<(), Error> {
    sqlx::query(
        "insert into approval (id, actor_id, approver_id, action, resource_id, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(approval.id)
    .bind(approval.actor)
    .bind(approval.approver)
    .bind(approval.action.rpc)
    .bind(&approval.resource_id)
    .bind(approval.expires_at)
    .execute(&mut **tx)
    .await
    .on_constraint("approval_approver_check", || Error::ApproverIsActor)?;
    Ok(())
}
