//! Approvals: leave that one person gives another to do one thing once.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, TimeDelta, Utc};
use types::Violation;
use uuid::Uuid;

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

impl Action {
    /// # Errors
    /// When it is the actor himself, or somebody who may not approve it.
    pub(crate) fn may_be_approved(&self, actor: UserId, approver: &User) -> Result<(), Error> {
        if approver.id == actor {
            return Err(Error::ApproverIsActor);
        }
        if !approver.permissions.allow(self.permission) {
            return Err(Error::ApproverLacksPermission(self.permission));
        }
        Ok(())
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
        action.may_be_approved(actor, approver)?;
        let (id, resource_id) = (ApprovalId::new(), canonical(resource_id));
        Ok(Self { id, actor, approver: approver.id, action, resource_id, expires_at: now + LIFE })
    }
}

/// A resource's id as services write it: a UUID in small letters, with hyphens.
fn canonical(resource_id: &str) -> String {
    let text = resource_id.trim();
    Uuid::parse_str(text).map_or_else(|_| text.to_owned(), |id| id.to_string())
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

    #[test]
    fn a_uuid_is_written_as_services_write_it() {
        let id = "01900000-abcd-7000-9000-00000000beef";
        for text in [id, "01900000-ABCD-7000-9000-00000000BEEF", " 01900000abcd7000900000000000beef "] {
            assert_eq!(canonical(text), id);
        }
        assert_eq!(canonical(" A sale "), "A sale");
    }
}
