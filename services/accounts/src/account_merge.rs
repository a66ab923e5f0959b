//! Merging accounts that turned out to be one payer, and taking that back.

pub(crate) mod owned;
pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use types::Violations;
use types::uuid::Uuid;

use crate::Error;
use crate::account::{self, Account, AccountId};
use crate::member::Member;

types::ids! {
    /// One merge of two accounts.
    AccountMergeId,
}

/// One merge of two accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountMerge {
    pub(crate) id: AccountMergeId,
    /// The account that went, as it is called.
    pub(crate) source: Party,
    /// The account that stayed, as it is called.
    pub(crate) target: Party,
    pub(crate) reason: String,
    /// What the source was.
    pub(crate) source_state: account::State,
    /// Tags that the target did not have.
    pub(crate) tags_added: Vec<String>,
    /// The primary member that the source had.
    pub(crate) source_primary: Option<Uuid>,
    pub(crate) merged: Done,
    pub(crate) undone: Option<Done>,
    pub(crate) version: i64,
}

/// An account as a merge names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    pub(crate) id: AccountId,
    pub(crate) number: i64,
    pub(crate) name: String,
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) by: Option<Uuid>,
    pub(crate) by_name: String,
    pub(crate) at: DateTime<Utc>,
}

/// Something of the source that went over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) kind: String,
    pub(crate) id: Uuid,
    /// It was the one of its kind and gave way to the target's.
    pub(crate) gave_way: bool,
    pub(crate) left: Option<Left>,
}

/// Why something did not come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Left {
    Gone,
    Elsewhere,
}

/// Something that cannot stand beside what the target has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub kind: &'static str,
    pub id: Uuid,
    /// The constraint that both would break together.
    pub rule: String,
}

/// Which merges a list holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) account_id: Option<AccountId>,
    pub(crate) undone: Option<bool>,
}

impl AccountMerge {
    /// Whether it can be taken back: what went on from there is taken back first.
    pub(crate) fn can_be_undone(&self, target: &Account) -> Result<(), Error> {
        if self.undone.is_some() {
            return Err(Error::AlreadyUndone);
        }
        match target.state {
            account::State::Merged => Err(Error::MergedOnward { number: target.number }),
            account::State::Active | account::State::Archived => Ok(()),
        }
    }

    /// The primary member that the source has again: the one it had, when he came back and was not archived meanwhile.
    pub(crate) fn primary_again(&self, members: &[Member]) -> Option<Uuid> {
        let again = |member: &&Member| Some(member.id.uuid()) == self.source_primary && member.is_live().is_ok();
        members.iter().find(again).map(|member| member.id.uuid())
    }

    /// The target without what came with the source: its tags, and a primary member who goes back.
    pub(crate) fn leave(&self, target: Account, back: &[Member]) -> Account {
        let primary = target.details.primary_member_id;
        let primary = primary.filter(|id| back.iter().all(|member| member.id.uuid() != *id));
        let mut target = target.with_primary(primary);
        target.details.tags.retain(|tag| !self.tags_added.contains(tag));
        target
    }
}

/// The tags of both, and those of them that the target did not have.
pub(crate) fn joined(target: &Account, source: &Account) -> (Vec<String>, Vec<String>) {
    let (had, come) = (&target.details.tags, &source.details.tags);
    let added: Vec<String> = come.iter().filter(|tag| !had.contains(tag)).cloned().collect();
    let mut tags = [had.as_slice(), added.as_slice()].concat();
    tags.sort_unstable();
    (tags, added)
}

/// The conflicts, each with the row to blame.
pub(crate) fn named(conflicts: &[Conflict]) -> Violations {
    let mut out = Violations::default();
    for Conflict { kind, id, rule } in conflicts {
        out.add(format!("{kind}[{id}]"), settled_by(rule));
    }
    out
}

/// What is in the way, and what a clerk does about it.
fn settled_by(rule: &str) -> &'static str {
    match rule {
        "tax_exemption_live_key" => "both accounts have a tax exemption that waits or holds; revoke one of them first",
        "phone_number_account_key" => "both accounts have this phone number; remove it from one of them first",
        "payer_share_account_key" => {
            "both accounts pay a share for this member; say anew who pays for him, with one of them, first"
        }
        _ => "cannot stand beside what the other account has; change or remove one of the two first",
    }
}
