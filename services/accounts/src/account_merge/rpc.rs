//! Merges on the wire.

use async_trait::async_trait;
use db::{Audit, Db, List, Subject};
use kit::{Caller, Reply, Tx, expect_etag, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_merge_service_server::AccountMergeService;
use serde_json::{Value, json};
use tonic::Request;

use super::owned::{MEMBER, TAX_EXEMPTION};
use super::{AccountMerge, AccountMergeId, Done, Filter, Left, Moved, Party, joined, store};
use crate::Error;
use crate::account::{self, Account, AccountId};
use crate::member::{self, Ages, MemberId};
use crate::personal_data;
use crate::tax_exemption::{self, TaxExemptionId};

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl AccountMergeService for Rpc {
    async fn merge_accounts(&self, request: Request<pb::MergeAccountsRequest>) -> Reply<pb::MergeAccountsResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let target_id = AccountId::parse("id", &message.id)?;
            let source_id = AccountId::parse("source_id", &message.source_id)?;
            let ages = member::store::say_ages(tx, caller.now).await?;
            let (source, target) = account::store::lock_two(tx, source_id, target_id).await?;
            expect_etag(caller.if_match.as_deref(), target.version, || Error::AccountChanged)?;
            let merged = source.clone().merge_into(&target)?;
            let moved = store::move_over(tx, source_id, target_id).await?;
            let (tags, tags_added) = joined(&target, &source);
            let merge = AccountMerge {
                id: AccountMergeId::new(),
                source: Party::of(&source),
                target: Party::of(&target),
                reason: message.reason.trim().to_owned(),
                source_state: source.state,
                tags_added,
                source_primary: source.details.primary_member_id,
                merged: done(caller),
                undone: None,
                version: 1,
            };
            store::insert(tx, &merge, &moved).await?;
            account::store::count_members(tx, &[source_id, target_id]).await?;
            let source = account::store::save(tx, &merged).await?;
            let target = account::store::save_tags(tx, target_id, &tags).await?;
            account::rpc::tell(tx, &source);
            account::rpc::tell(tx, &target);
            let member_ids = went(tx, ages, &moved).await?;
            let event = pb::AccountMerged {
                merge_id: merge.id.to_string(),
                source_id: source_id.to_string(),
                target_id: target_id.to_string(),
                version: source.version,
                member_ids,
                merged_at: Some(proto::timestamp(merge.merged.at)),
            };
            tx.publish(Subject { id: source_id.uuid(), version: source.version }, &event);
            tx.audit(Audit::created("account_merge", merge.id, record(&merge, &moved)));
            Ok::<_, Error>(pb::MergeAccountsResponse { account_merge: Some(shown(merge, moved)) })
        })
        .await
    }

    async fn list_account_merges(
        &self,
        request: Request<pb::ListAccountMergesRequest>,
    ) -> Reply<pb::ListAccountMergesResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let undone = match message.state.map(pb::account_merge::State::try_from) {
                Some(Ok(pb::account_merge::State::Merged)) => Some(false),
                Some(Ok(pb::account_merge::State::Undone)) => Some(true),
                _ => None,
            };
            let account_id = AccountId::parse_some("account_id", message.account_id.as_deref())?;
            Ok::<_, Error>(store::list(conn, Filter { account_id, undone }, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_account_merge(
        &self,
        request: Request<pb::GetAccountMergeRequest>,
    ) -> Reply<pb::GetAccountMergeResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let merge = store::get(conn, AccountMergeId::parse("id", &message.id)?).await?;
            let moved = store::moved(conn, merge.id).await?;
            Ok::<_, Error>(pb::GetAccountMergeResponse { account_merge: Some(shown(merge, moved)) })
        })
        .await
    }

    async fn undo_account_merge(
        &self,
        request: Request<pb::UndoAccountMergeRequest>,
    ) -> Reply<pb::UndoAccountMergeResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let id = AccountMergeId::parse("id", &message.id)?;
            let merge = store::get(tx, id).await?;
            let (source_id, target_id) = (merge.source.id, merge.target.id);
            let ages = member::store::say_ages(tx, caller.now).await?;
            let (source, target) = account::store::lock_two(tx, source_id, target_id).await?;
            let merge = store::lock(tx, id).await?;
            merge.can_be_undone(&target)?;
            expect_etag(caller.if_match.as_deref(), merge.version, || Error::AccountMergeChanged)?;
            let source = account::store::save(tx, &source.unmerge(merge.source_state)).await?;
            let moved = store::moved(tx, id).await?;
            let moved = store::move_back(tx, &merge, &moved).await?;
            let back: Vec<Moved> = moved.iter().filter(|row| row.left.is_none()).cloned().collect();
            let members = member::store::lock_all(tx, &members(&back)).await?;
            let source = account::store::save(tx, &source.with_primary(merge.primary_again(&members))).await?;
            let target = account::store::save(tx, &merge.leave(target, &members)).await?;
            // Who was forgotten meanwhile is forgotten with what comes back to him, and with what he leaves alone.
            for account in [source, target] {
                personal_data::rpc::forget_if_left(tx, account).await?;
            }
            store::undo(tx, id, &done(caller), &moved).await?;
            let merge = store::get(tx, id).await?;
            let mut version = 0;
            for account in account::store::count_members(tx, &[source_id, target_id]).await? {
                version = if account.id == source_id { account.version } else { version };
                account::rpc::tell(tx, &account);
            }
            let event = pb::AccountUnmerged {
                merge_id: id.to_string(),
                source_id: source_id.to_string(),
                target_id: target_id.to_string(),
                version,
                member_ids: went(tx, ages, &back).await?,
                undone_at: Some(proto::timestamp(caller.now)),
            };
            tx.publish(Subject { id: source_id.uuid(), version }, &event);
            tx.audit(Audit::changed("account_merge", id, json!({ "undone": false }), record(&merge, &moved)));
            Ok::<_, Error>(pb::UndoAccountMergeResponse { account_merge: Some(shown(merge, moved)) })
        })
        .await
    }
}

/// What went and is told as a copy is told with the account that it belongs to now. Answers the people among it.
async fn went(tx: &mut Tx, ages: Ages, moved: &[Moved]) -> Result<Vec<String>, Error> {
    let exemptions = moved.iter().filter(|row| row.kind == TAX_EXEMPTION);
    let exemptions: Vec<TaxExemptionId> = exemptions.map(|row| TaxExemptionId::from_uuid(row.id)).collect();
    tax_exemption::rpc::tell_all(tx, &exemptions).await?;
    let members = members(moved);
    member::rpc::tell_all(tx, ages, &members).await?;
    Ok(members.iter().map(MemberId::to_string).collect())
}

fn members(moved: &[Moved]) -> Vec<MemberId> {
    moved.iter().filter(|row| row.kind == MEMBER).map(|row| MemberId::from_uuid(row.id)).collect()
}

fn done(caller: &Caller) -> Done {
    Done { by: caller.user_id(), by_name: caller.user_name().to_owned(), at: caller.now }
}

/// What the audit keeps of a merge for ever; the reason may name somebody, and stands in the merge itself.
fn record(merge: &AccountMerge, moved: &[Moved]) -> Value {
    let rows: Vec<Value> = moved
        .iter()
        .map(|row| json!({ "kind": row.kind, "id": row.id.to_string(), "left": row.left.map(<&str>::from) }))
        .collect();
    json!({
        "source_id": merge.source.id.to_string(),
        "target_id": merge.target.id.to_string(),
        "undone": merge.undone.is_some(),
        "moved": rows,
    })
}

impl Party {
    fn of(account: &Account) -> Self {
        Self { id: account.id, number: account.number, name: account.details.name.clone() }
    }
}

/// A merge with what went over.
fn shown(merge: AccountMerge, moved: Vec<Moved>) -> pb::AccountMerge {
    pb::AccountMerge { moved: moved.into_iter().map(Into::into).collect(), ..merge.into() }
}

impl From<AccountMerge> for pb::AccountMerge {
    fn from(merge: AccountMerge) -> Self {
        let AccountMerge { id, source, target, reason, merged, undone, version, .. } = merge;
        let state = if undone.is_some() { pb::account_merge::State::Undone } else { pb::account_merge::State::Merged };
        Self {
            id: id.to_string(),
            source_id: source.id.to_string(),
            source_number: source.number.to_string(),
            source_name: source.name,
            target_id: target.id.to_string(),
            target_number: target.number.to_string(),
            target_name: target.name,
            reason,
            state: state.into(),
            merged_by: merged.by.map(|id| id.to_string()),
            merged_by_name: merged.by_name,
            merged_at: Some(proto::timestamp(merged.at)),
            undone_by: undone.as_ref().and_then(|undone| undone.by).map(|id| id.to_string()),
            undone_by_name: undone.as_ref().map(|undone| undone.by_name.clone()),
            undone_at: undone.map(|undone| proto::timestamp(undone.at)),
            moved: Vec::new(),
            etag: kit::etag(version),
        }
    }
}

impl From<Moved> for pb::MovedRow {
    fn from(row: Moved) -> Self {
        let left = row.left.map(|left| match left {
            Left::Gone => pb::moved_row::Left::Gone,
            Left::Elsewhere => pb::moved_row::Left::Elsewhere,
        });
        Self { kind: row.kind, id: row.id.to_string(), left: left.map(Into::into) }
    }
}
