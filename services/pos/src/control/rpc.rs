//! `PosControlService`: for inventory's sweep and the ledger's proofs.

use async_trait::async_trait;
use kit::{App, Reply, read};
use proto::Event;
use proto::pos::v1 as pb;
use proto::pos::v1::pos_control_service_server::PosControlService;
use tonic::Request;
use types::id::parse_uuid;

use crate::drawer;
use crate::error::Error;
use crate::sale::{State, store};

/// The events that move cash.
const CASH_KINDS: [&str; 4] =
    [pb::SaleCompleted::KIND, pb::SaleVoided::KIND, pb::DrawerOpened::KIND, pb::DrawerClosed::KIND];

/// Implements `PosControlService`.
#[derive(Clone)]
pub(crate) struct ControlRpc {
    pub(crate) app: App,
}

#[async_trait]
impl PosControlService for ControlRpc {
    async fn get_sale_states(&self, request: Request<pb::GetSaleStatesRequest>) -> Reply<pb::GetSaleStatesResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let ids: Result<Vec<_>, _> = message.sale_ids.iter().map(|id| parse_uuid("sale_ids", id)).collect();
            let known = store::states(db, &ids?).await?;
            let sales = known.into_iter().map(|(id, state, was_completed)| pb::SaleState {
                sale_id: id.to_string(),
                state: match state {
                    State::Draft => pb::sale::State::Draft,
                    State::Completed => pb::sale::State::Completed,
                    State::Voided => pb::sale::State::Voided,
                }
                .into(),
                was_completed,
            });
            Ok::<_, Error>(pb::GetSaleStatesResponse { sales: sales.collect() })
        })
        .await
    }

    async fn get_pos_totals(&self, request: Request<pb::GetPosTotalsRequest>) -> Reply<pb::GetPosTotalsResponse> {
        read(&self.app.db, request, async |db, _caller, _message| {
            let mut snapshot = db::snapshot(db).await?;
            let cash = drawer::store::cash_in_open_drawers(&mut snapshot).await?;
            let told = db::outbox::count_visible(&mut snapshot, &CASH_KINDS).await?;
            Ok::<_, Error>(pb::GetPosTotalsResponse {
                snapshot: told.snapshot,
                events: told.events,
                cash: Some(cash.into()),
            })
        })
        .await
    }
}
