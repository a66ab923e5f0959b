//! Reports on the wire.

use async_trait::async_trait;
use kit::client::{Peer, Refused};
use kit::{App, Caller, Conn, Fault, Reply, check, read};
use proto::inventory::v1::GetInventoryTotalsRequest;
use proto::inventory::v1::inventory_control_service_client::InventoryControlServiceClient;
use proto::ledger::v1 as pb;
use proto::ledger::v1::ledger_account::Kind as PbKind;
use proto::ledger::v1::proof::State as PbState;
use proto::ledger::v1::report_service_server::ReportService;
use proto::pos::v1::GetPosTotalsRequest;
use proto::pos::v1::pos_control_service_client::PosControlServiceClient;
use tonic::Request;
use types::{Money, parse_date};

use super::{Balance, Control, DRAWER_CASH, INVENTORY, OwnerTotals, Unbooked, Verdict, store, verdict};
use crate::Error;

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl ReportService for Rpc {
    async fn get_trial_balance(
        &self,
        request: Request<pb::GetTrialBalanceRequest>,
    ) -> Reply<pb::GetTrialBalanceResponse> {
        read(&self.app.db, request, async |db, caller, message| {
            let as_of = match message.as_of.as_deref() {
                None | Some("") => shop::today(db, caller.now).await?,
                Some(text) => parse_date("as_of", text)?,
            };
            let balances = store::balances(db, as_of).await?;
            let sum = |amount: fn(&Balance) -> Money| Some(balances.iter().map(amount).sum::<Money>().into());
            let total_debit = sum(|balance| balance.side.debit());
            let total_credit = sum(|balance| balance.side.credit());
            let data = balances.into_iter().map(Into::into).collect();
            Ok::<_, Error>(pb::GetTrialBalanceResponse { as_of: as_of.to_string(), data, total_debit, total_credit })
        })
        .await
    }

    async fn get_proofs(&self, request: Request<pb::GetProofsRequest>) -> Reply<pb::GetProofsResponse> {
        let caller = check(&request)?.0.clone();
        // The owners are asked first, so that no connection is held meanwhile, and what they counted can be heard.
        let (inventory, cash) = tokio::join!(self.ask_inventory(&caller), self.ask_pos(&caller));
        read(&self.app.db, request, async |db, _caller, _message| {
            let data = vec![prove(db, &INVENTORY, inventory).await?, prove(db, &DRAWER_CASH, cash).await?];
            Ok::<_, Error>(pb::GetProofsResponse { data })
        })
        .await
    }
}

impl Rpc {
    async fn ask_inventory(&self, caller: &Caller) -> Option<OwnerTotals> {
        let peer = self.app.peer(INVENTORY.owner);
        let answer = async {
            let peer: Peer = peer.map_err(Fault::new)?;
            let request = peer.request(Some(caller), GetInventoryTotalsRequest {})?;
            let mut client = InventoryControlServiceClient::new(peer.channel());
            Ok(client.get_inventory_totals(request).await.map_err(Refused::from).map_err(Fault::new)?.into_inner())
        };
        let totals = reached(&INVENTORY, answer.await)?;
        let unbooked = Unbooked { waiting: totals.waiting_events, parked: totals.parked_events };
        Some(OwnerTotals { snapshot: totals.snapshot, events: totals.events, total: amount(totals.value), unbooked })
    }

    async fn ask_pos(&self, caller: &Caller) -> Option<OwnerTotals> {
        let peer = self.app.peer(DRAWER_CASH.owner);
        let answer = async {
            let peer: Peer = peer.map_err(Fault::new)?;
            let request = peer.request(Some(caller), GetPosTotalsRequest {})?;
            let mut client = PosControlServiceClient::new(peer.channel());
            Ok(client.get_pos_totals(request).await.map_err(Refused::from).map_err(Fault::new)?.into_inner())
        };
        let totals = reached(&DRAWER_CASH, answer.await)?;
        // Nothing that pos hears moves cash.
        let unbooked = Unbooked::default();
        Some(OwnerTotals { snapshot: totals.snapshot, events: totals.events, total: amount(totals.cash), unbooked })
    }
}

/// An owner that does not answer is part of the report.
fn reached<T>(control: &Control, answer: Result<T, Fault>) -> Option<T> {
    answer.inspect_err(|fault| tracing::warn!(error = %fault, "{} was not asked for its totals", control.owner)).ok()
}

fn amount(money: Option<proto::common::v1::Money>) -> Money {
    money.map(Money::from).unwrap_or_default()
}

async fn prove(db: &mut Conn, control: &Control, owner: Option<OwnerTotals>) -> Result<pb::Proof, Error> {
    let unreachable = |balance: Money| pb::Proof {
        control: control.name.to_owned(),
        code: control.code.to_owned(),
        state: PbState::Unreachable.into(),
        ledger_balance: Some(balance.into()),
        owner_total: None,
        difference: None,
        owner_events: 0,
        heard_events: 0,
        reason: None,
    };
    let Some(owner) = owner else { return Ok(unreachable(store::balance(db, control).await?)) };
    let held = store::held(db, control, &owner).await?;
    Ok(pb::Proof {
        state: PbState::from(verdict(&owner, held)).into(),
        owner_total: Some(owner.total.into()),
        difference: Some((held.balance - owner.total).into()),
        owner_events: owner.events,
        heard_events: held.events,
        reason: owner.unbooked.reason(control.owner),
        ..unreachable(held.balance)
    })
}

impl From<Verdict> for PbState {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Agrees => Self::Agrees,
            Verdict::Differs => Self::Differs,
            Verdict::Pending => Self::Pending,
        }
    }
}

impl From<Balance> for pb::TrialBalanceLine {
    fn from(balance: Balance) -> Self {
        let Balance { ledger_account_id, code, name, kind, side } = balance;
        Self {
            ledger_account_id: ledger_account_id.to_string(),
            code,
            name,
            kind: PbKind::from(kind).into(),
            debit: Some(side.debit().into()),
            credit: Some(side.credit().into()),
        }
    }
}
