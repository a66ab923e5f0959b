//! Moving a member to another account.

use db::{Audit, Subject};
use kit::{Caller, Tx};
use proto::accounts::v1 as pb;
use serde_json::json;

use super::{lock, recount, tell};
use crate::Error;
use crate::account::{self, AccountId};
use crate::member::{MemberId, store};

/// Whoever answers for the person still does, and whomever he answers for.
pub(super) async fn go(
    tx: &mut Tx,
    caller: &Caller,
    message: &pb::MoveMemberRequest,
) -> Result<pb::MoveMemberResponse, Error> {
    let id = MemberId::parse("id", &message.id)?;
    let to = AccountId::parse("account_id", &message.account_id)?;
    let ages = store::say_ages(tx, caller.now).await?;
    let from = store::get(tx, id).await?.account_id;
    let (source, target) = account::store::lock_two(tx, from, to).await?;
    lock(tx, caller, id).await?.still_on(from)?.go_to(to)?;
    target.takes_members()?;
    // Whoever goes is the primary member no more.
    if source.details.primary_member_id == Some(id.uuid()) {
        account::store::save(tx, &source.with_primary(None)).await?;
    }
    let member = store::go(tx, id, to).await?;
    let on = |account: AccountId| json!({ "account_id": account.to_string() });
    tx.audit(Audit::changed("member", id, on(from), on(to)));
    tell(tx, &member, ages);
    let event =
        pb::MemberMoved { member_id: id.to_string(), from_account_id: from.to_string(), to_account_id: to.to_string() };
    tx.publish(Subject { id: id.uuid(), version: member.version }, &event);
    recount(tx, from).await?;
    recount(tx, to).await?;
    Ok(pb::MoveMemberResponse { member: Some(member.seen(ages).into()) })
}
