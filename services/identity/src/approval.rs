//! Approvals: leave that one person gives another to do one thing once.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, TimeDelta, Utc};
use types::Violation;

use crate::Error;
use crate::user::{User, UserId};

types::ids! {
    /// An approval's id; its token carries it as `jti`.
    ApprovalId
}

/// How long it may take from the word to the deed.
pub(crate) const LIFE: TimeDelta = TimeDelta::minutes(5);

/// An approval that was given.
#[derive(Clone, Debug)]
pub(crate) struct Approval {
    pub(crate) id: ApprovalId,
    pub(crate) actor: UserId,
    pub(crate) approver: UserId,
    pub(crate) action: Action,
    pub(crate) resource_id: String,
    pub(crate) expires_at: DateTime<Utc>,
}

/// An RPC that can be approved, and the permission that lets one do so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    /// Such as `pos.v1.SaleService/VoidSale`.
    pub(crate) rpc: &'static str,
    pub(crate) permission: &'static str,
}

impl Action {
    /// # Errors
    /// A violation of `action` when there is no such RPC, or nothing in it needs an approval.
    pub(crate) fn parse(text: &str) -> Result<Self, Violation> {
        let name = text.trim().trim_start_matches('/').trim_start_matches("lunarfront.");
        let rpc = proto::rpc(&format!("/lunarfront.{name}")).and_then(|rpc| Some((rpc.path, rpc.approval?)));
        let (path, permission) = rpc.ok_or_else(|| Violation::new("action", "is nothing that can be approved"))?;
        Ok(Self { rpc: path.trim_start_matches("/lunarfront."), permission })
    }
}

impl Approval {
    /// # Errors
    /// When it is the actor himself, or somebody who may not approve it.
    pub(crate) fn give(
        actor: UserId,
        approver: &User,
        action: Action,
        resource_id: &str,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        if approver.id == actor {
            return Err(Error::ApproverIsActor);
        }
        if !approver.permissions.allow(action.permission) {
            return Err(Error::ApproverLacksPermission(action.permission));
        }
        let (id, resource_id) = (ApprovalId::new(), resource_id.to_owned());
        Ok(Self { id, actor, approver: approver.id, action, resource_id, expires_at: now + LIFE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_an_rpc_that_can_be_approved() {
        let void = Action { rpc: "pos.v1.SaleService/VoidSale", permission: "pos.admin" };
        for text in [
            "pos.v1.SaleService/VoidSale",
            "/lunarfront.pos.v1.SaleService/VoidSale",
            " lunarfront.pos.v1.SaleService/VoidSale ",
        ] {
            assert_eq!(Action::parse(text).unwrap(), void, "{text}");
        }
        for text in ["", "pos.sale.void", "pos.v1.SaleService/GetSale", "pos.v1.SaleService/FlySale"] {
            assert!(Action::parse(text).is_err(), "{text}");
        }
    }
}
