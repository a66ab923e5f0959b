//! Ledger accounts on the wire.

use async_trait::async_trait;
use db::List;
use kit::{App, Reply, read};
use proto::ledger::v1 as pb;
use proto::ledger::v1::ledger_account::Kind as PbKind;
use proto::ledger::v1::ledger_account_service_server::LedgerAccountService;
use tonic::Request;

use super::{Kind, LedgerAccount, LedgerAccountId, store};
use crate::Error;

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl LedgerAccountService for Rpc {
    async fn list_ledger_accounts(
        &self,
        request: Request<pb::ListLedgerAccountsRequest>,
    ) -> Reply<pb::ListLedgerAccountsResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let list = List::parse(&message)?;
            let page = store::list(db, message.kind.and_then(kind), &list).await?;
            Ok::<_, Error>(page.answer(&list))
        })
        .await
    }

    async fn list_all_ledger_accounts(
        &self,
        request: Request<pb::ListAllLedgerAccountsRequest>,
    ) -> Reply<pb::ListAllLedgerAccountsResponse> {
        read(&self.app.db, request, async |db, _caller, _message| {
            let data = store::all(db).await?.into_iter().map(Into::into).collect();
            Ok::<_, Error>(pb::ListAllLedgerAccountsResponse { data })
        })
        .await
    }

    async fn get_ledger_account(
        &self,
        request: Request<pb::GetLedgerAccountRequest>,
    ) -> Reply<pb::GetLedgerAccountResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let id = LedgerAccountId::parse("id", &message.id)?;
            let account = store::get(db, id).await?;
            Ok::<_, Error>(pb::GetLedgerAccountResponse { ledger_account: Some(account.into()) })
        })
        .await
    }
}

/// Unspecified is none.
fn kind(number: i32) -> Option<Kind> {
    match PbKind::try_from(number) {
        Ok(PbKind::Asset) => Some(Kind::Asset),
        Ok(PbKind::Liability) => Some(Kind::Liability),
        Ok(PbKind::Equity) => Some(Kind::Equity),
        Ok(PbKind::Revenue) => Some(Kind::Revenue),
        Ok(PbKind::Expense) => Some(Kind::Expense),
        Ok(PbKind::Unspecified) | Err(_) => None,
    }
}

impl From<Kind> for PbKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Asset => Self::Asset,
            Kind::Liability => Self::Liability,
            Kind::Equity => Self::Equity,
            Kind::Revenue => Self::Revenue,
            Kind::Expense => Self::Expense,
        }
    }
}

impl From<LedgerAccount> for pb::LedgerAccount {
    fn from(account: LedgerAccount) -> Self {
        let LedgerAccount { id, code, name, kind, control_of, created_at } = account;
        Self {
            id: id.to_string(),
            code,
            name,
            kind: PbKind::from(kind).into(),
            control_of,
            created_at: Some(proto::timestamp(created_at)),
        }
    }
}
