//! Approvals are used once.

use uuid::Uuid;

use crate::{Error, Tx};

/// An approval that is used in a transaction.
#[derive(Clone, Debug)]
pub struct UsedApproval {
    pub id: Uuid,
    pub actor_id: Uuid,
    pub approver_id: Uuid,
    pub resource_id: String,
}

/// Uses an approval up, with the transaction. Whoever uses it at the same time waits; false when it was used before.
///
/// # Errors
/// The database's.
pub async fn use_approval(tx: &mut Tx, used: &UsedApproval) -> Result<bool, Error> {
    let action = tx.context().action.clone();
    let done = sqlx::query(
        "insert into approval_used (id, actor_id, approver_id, action, resource_id)
         values ($1, $2, $3, $4, $5)
             on conflict (id) do nothing",
    )
    .bind(used.id)
    .bind(used.actor_id)
    .bind(used.approver_id)
    .bind(action)
    .bind(&used.resource_id)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
