//! Payer shares on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Reply, expect_etag, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::payer_share_service_server::PayerShareService;
use serde_json::{Value, json};
use tonic::Request;

use super::{PayerShare, shared, store};
use crate::Error;
use crate::account::{self, AccountId};
use crate::audit::Audit;
use crate::member::{self, MemberId};

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl PayerShareService for Rpc {
    async fn list_payer_shares(
        &self,
        request: Request<pb::ListPayerSharesRequest>,
    ) -> Reply<pb::ListPayerSharesResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let member = MemberId::parse_some("member_id", message.member_id.as_deref())?;
            let account = AccountId::parse_some("account_id", message.account_id.as_deref())?;
            Ok::<_, Error>(store::list(conn, member, account, &list).await?.answer(&list))
        })
        .await
    }

    async fn set_payer_shares(&self, request: Request<pb::SetPayerSharesRequest>) -> Reply<pb::SetPayerSharesResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let id = MemberId::parse("member_id", &message.member_id)?;
            let shares =
                shared(message.shares.iter().map(|share| (share.account_id.as_str(), share.percent.as_str())))?;
            member::store::say_ages(tx, caller.now).await?;
            // Accounts first and in order, as everywhere.
            for account in shares.keys() {
                account::store::lock(tx, *account).await?.takes_members()?;
            }
            let member = member::store::lock(tx, id).await?;
            expect_etag(caller.if_match.as_deref(), member.version, || Error::MemberChanged)?;
            member.is_live()?;
            let before = store::of_member(tx, id).await?;
            if before.iter().map(|share| (&share.account_id, &share.part)).eq(&shares) {
                return Ok(pb::SetPayerSharesResponse { payer_shares: copies(&before) });
            }
            let version = store::replace(tx, id, &shares).await?;
            let after = store::of_member(tx, id).await?;
            tx.audit(Audit::changed("payer_shares", id, record(&before), record(&after)));
            let payer_shares = copies(&after);
            let event =
                pb::PayerSharesChanged { member_id: id.to_string(), payer_shares: payer_shares.clone(), version };
            tx.publish(Subject { id: id.uuid(), version }, &event);
            Ok::<_, Error>(pb::SetPayerSharesResponse { payer_shares })
        })
        .await
    }
}

/// Who pays how much, as it is recorded.
fn record(shares: &[PayerShare]) -> Value {
    shares.iter().map(|share| (share.account_id.to_string(), json!(share.part.to_string()))).collect()
}

fn copies(shares: &[PayerShare]) -> Vec<pb::PayerShare> {
    shares.iter().cloned().map(Into::into).collect()
}

impl From<PayerShare> for pb::PayerShare {
    fn from(share: PayerShare) -> Self {
        let PayerShare { id, member_id, member_name, account_id, account_number, account_name, part, created_at } =
            share;
        Self {
            id: id.to_string(),
            member_id: member_id.to_string(),
            member_name,
            account_id: account_id.to_string(),
            account_number: account_number.to_string(),
            account_name,
            percent: part.to_string(),
            created_at: Some(proto::timestamp(created_at)),
        }
    }
}
