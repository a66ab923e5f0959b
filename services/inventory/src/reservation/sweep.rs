//! Promises whose time is over: pos knows what became of their sales.

use std::collections::HashSet;

use db::Context;
use kit::client::Peer;
use kit::{App, Fault};
use proto::pos::v1 as pos;
use proto::pos::v1::pos_control_service_client::PosControlServiceClient;

use super::store::Release;
use super::{ReservationId, State, store};
use crate::Error;

/// Promises per round, and so per question; pos takes no more at once.
const BATCH: i64 = 500;

/// Confirms the overdue promises of completed sales, and ends the others. When pos cannot be asked, all stays as it is.
pub(crate) async fn sweep(app: &App, peer: Option<&Peer>) -> Result<(), Fault> {
    let now = app.clock.now();
    let overdue = {
        let mut conn = app.db.background().await?;
        store::overdue(&mut conn, now, BATCH).await.map_err(Fault::new)?
    };
    if overdue.is_empty() {
        return Ok(());
    }
    let peer = peer.ok_or_else(|| Fault::new("POS_URL is not set, so overdue reservations stay"))?;
    let question = pos::GetSaleStatesRequest { sale_ids: overdue.iter().map(|(_, sale)| sale.to_string()).collect() };
    let answer =
        PosControlServiceClient::new(peer.channel()).get_sale_states(peer.request(None, question)?).await.map_err(
            |refused| Fault::new(format!("pos cannot be asked about overdue reservations: {}", refused.message())),
        )?;
    // A sale that was completed tells so, whatever became of it later: its events find the promise.
    let sales = answer.into_inner().sales.into_iter();
    let completed: HashSet<String> = sales
        .filter(|sale| sale.was_completed || sale.state() == pos::sale::State::Completed)
        .map(|sale| sale.sale_id)
        .collect();
    let (confirmed, expired): (Vec<_>, Vec<_>) =
        overdue.into_iter().partition(|(_, sale)| completed.contains(&sale.to_string()));
    let ids = |pairs: Vec<(ReservationId, _)>| pairs.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    settle(app, &ids(confirmed), &ids(expired), now).await.map_err(Fault::new)
}

async fn settle(
    app: &App,
    confirmed: &[ReservationId],
    expired: &[ReservationId],
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), Error> {
    let mut tx = app.db.begin_background(Context::of_service(app.name, "sweep-reservations", now)).await?;
    store::confirm(&mut tx, confirmed).await?;
    let release =
        Release { ids: expired, from: &[State::Pending], to: State::Expired, overdue_at: Some(now), closes: false };
    store::release(&mut tx, release).await?;
    app.db.commit(tx).await?;
    Ok(())
}
