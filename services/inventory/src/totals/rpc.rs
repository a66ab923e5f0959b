//! Totals on the wire.

use async_trait::async_trait;
use kit::{App, Reply, read};
use proto::inventory::v1 as pb;
use proto::inventory::v1::inventory_control_service_server::InventoryControlService;
use tonic::Request;

use super::store;
use crate::Error;

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl InventoryControlService for Rpc {
    async fn get_inventory_totals(
        &self,
        request: Request<pb::GetInventoryTotalsRequest>,
    ) -> Reply<pb::GetInventoryTotalsResponse> {
        read(&self.app.db, request, async |conn, _caller, _message| {
            let totals = store::totals(conn).await?;
            Ok::<_, Error>(pb::GetInventoryTotalsResponse {
                snapshot: totals.snapshot,
                events: totals.events,
                value: Some(totals.value.into()),
                waiting_events: totals.waiting,
                parked_events: totals.parked,
            })
        })
        .await
    }
}
