//! Reservations on the wire.

use async_trait::async_trait;
use chrono::TimeDelta;
use db::{List, Tx};
use kit::{App, Db, Reply, read, write};
use proto::inventory::v1 as pb;
use proto::inventory::v1::reservation_service_server::ReservationService;
use tonic::Request;
use types::Violations;
use types::id::parse_uuid;

use super::store::{Ask, Release};
use super::{
    HolderId, Offer, Reservation, ReservationId, State, Wanted, added_up, all_held, all_on_sale, stock_only, store,
};
use crate::Error;
use crate::product::{Kind, ProductId};
use crate::quantity::Quantity;
use crate::stock::{Line, LocationId, SaleId};

pub(crate) struct Rpc {
    pub(crate) app: App,
    /// How long a promise holds.
    pub(crate) hold: TimeDelta,
}

/// How often a promise is tried while another one of the same sale comes and goes.
const TRIES: usize = 3;

#[async_trait]
impl ReservationService for Rpc {
    async fn list_reservations(
        &self,
        request: Request<pb::ListReservationsRequest>,
    ) -> Reply<pb::ListReservationsResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let source = message.source_id.as_deref().filter(|id| !id.is_empty());
            let source = source.map(|id| parse_uuid("source_id", id)).transpose()?;
            Ok::<_, Error>(store::list(conn, state(message.state()), source, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_reservation(&self, request: Request<pb::GetReservationRequest>) -> Reply<pb::GetReservationResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let reservation = store::get(conn, ReservationId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetReservationResponse { reservation: Some(reservation.into()) })
        })
        .await
    }

    async fn reserve_stock(&self, request: Request<pb::ReserveStockRequest>) -> Reply<pb::ReserveStockResponse> {
        if request.get_ref().price_only {
            price(&self.app.db, request).await
        } else {
            reserve(&self.app.db, self.hold, request).await
        }
    }

    async fn void_reservation(
        &self,
        request: Request<pb::VoidReservationRequest>,
    ) -> Reply<pb::VoidReservationResponse> {
        write(&self.app.db, request, async |tx, _caller, message| {
            let sale = SaleId::parse("sale_id", &message.sale_id)?;
            let holder = holder(sale, message.holder.as_deref())?;
            // A confirmed one belongs to a completed sale: only its event may end it.
            let live = store::lock_live(tx, sale).await?.filter(|live| live.state == State::Pending);
            if let Some(live) = live.as_ref().filter(|live| !live.is_only_for(holder)) {
                store::let_go(tx, live.id, holder).await?;
            } else if let Some(live) = live {
                let release = Release {
                    ids: &[live.id],
                    from: &[State::Pending],
                    to: State::Voided,
                    overdue_at: None,
                    closes: false,
                };
                store::release(tx, release).await?;
            }
            Ok::<_, Error>(pb::VoidReservationResponse {})
        })
        .await
    }
}

async fn price(db: &Db, request: Request<pb::ReserveStockRequest>) -> Reply<pb::ReserveStockResponse> {
    read(db, request, async |conn, _caller, message| {
        let lines = lines(&message)?;
        let offers = store::price(conn, &products(&lines)).await?;
        all_on_sale(&lines, &offers)?;
        Ok::<_, Error>(answer(&lines, &offers, None))
    })
    .await
}

async fn reserve(
    db: &Db,
    hold: TimeDelta,
    request: Request<pb::ReserveStockRequest>,
) -> Reply<pb::ReserveStockResponse> {
    write(db, request, async move |tx, caller, message| {
        let lines = lines(message)?;
        let sale = SaleId::parse("sale_id", &message.sale_id)?;
        let ask = Ask {
            id: ReservationId::new(),
            sale,
            holder: holder(sale, message.holder.as_deref())?,
            location: LocationId::parse("location_id", &message.location_id)?,
            expires_at: caller.now + hold,
            lines: added_up(&lines),
        };
        let (offers, reservation) = promise(tx, &ask, &lines).await?;
        Ok::<_, Error>(answer(&lines, &offers, reservation))
    })
    .await
}

/// Attempts that say no name of their own go by the sale's.
fn holder(sale: SaleId, given: Option<&str>) -> Result<HolderId, Error> {
    Ok(HolderId::parse_some("holder", given)?.unwrap_or_else(|| HolderId::from_uuid(sale.uuid())))
}

fn products(lines: &[Line]) -> Vec<ProductId> {
    added_up(lines).into_iter().map(|(id, _)| id).collect()
}

/// Prices the lines and holds their stock, or finds what the sale holds already.
async fn promise(tx: &mut Tx, ask: &Ask, lines: &[Line]) -> Result<(Vec<Offer>, Option<Reservation>), Error> {
    for _ in 0..TRIES {
        let (offers, made) = store::reserve(tx, ask).await?;
        all_on_sale(lines, &offers)?;
        if let Some(made) = made {
            all_held(lines, &offers)?;
            return Ok((offers, Some(made)));
        }
        let stock_lines = stock_only(&ask.lines, &offers);
        if stock_lines.is_empty() {
            return Ok((offers, None));
        }
        let Some(mut live) = store::lock_live(tx, ask.sale).await? else { continue };
        live.answers(&Wanted { sale: ask.sale, location: ask.location, stock_lines })?;
        if live.state == State::Pending {
            store::share(tx, live.id, ask.holder, ask.expires_at).await?;
            live.expires_at = live.expires_at.max(ask.expires_at);
        }
        return Ok((offers, Some(live)));
    }
    Err(Error::SaleBusy)
}

fn lines(message: &pb::ReserveStockRequest) -> Result<Vec<Line>, Error> {
    let mut wrong = Violations::default();
    let mut lines = Vec::with_capacity(message.lines.len());
    for (index, line) in message.lines.iter().enumerate() {
        let product = wrong.take(ProductId::parse(&format!("lines[{index}].product_id"), &line.product_id));
        let quantity = wrong.take(Quantity::parse_positive(&format!("lines[{index}].quantity"), &line.quantity));
        if let (Some(product), Some(quantity)) = (product, quantity) {
            lines.push(Line { index, product, quantity });
        }
    }
    for (product, _) in added_up(&lines).into_iter().filter(|(_, quantity)| *quantity > Quantity::MAX) {
        let first = lines.iter().find(|line| line.product == product).map_or(0, |line| line.index);
        wrong.add(format!("lines[{first}].quantity"), "is too large together with the other lines");
    }
    wrong.into_result()?;
    Ok(lines)
}

/// One priced product for each line, in the order of the lines.
fn answer(lines: &[Line], offers: &[Offer], reservation: Option<Reservation>) -> pb::ReserveStockResponse {
    let offer = |line: &Line| offers.iter().find(|offer| offer.product == line.product);
    pb::ReserveStockResponse {
        products: lines.iter().filter_map(offer).map(priced).collect(),
        reservation: reservation.map(Into::into),
    }
}

fn priced(offer: &Offer) -> pb::PricedProduct {
    pb::PricedProduct {
        product_id: offer.product.to_string(),
        sku: offer.sku.clone(),
        name: offer.name.clone(),
        tax_category: offer.tax_category.clone(),
        price: Some(offer.price.into()),
        is_stock: offer.kind == Kind::Stock,
    }
}

fn state(wire: pb::reservation::State) -> Option<State> {
    match wire {
        pb::reservation::State::Unspecified => None,
        pb::reservation::State::Pending => Some(State::Pending),
        pb::reservation::State::Confirmed => Some(State::Confirmed),
        pb::reservation::State::Posted => Some(State::Posted),
        pb::reservation::State::Voided => Some(State::Voided),
        pb::reservation::State::Expired => Some(State::Expired),
    }
}

impl From<Reservation> for pb::Reservation {
    fn from(reservation: Reservation) -> Self {
        let state = match reservation.state {
            State::Pending => pb::reservation::State::Pending,
            State::Confirmed => pb::reservation::State::Confirmed,
            State::Posted => pb::reservation::State::Posted,
            State::Voided => pb::reservation::State::Voided,
            State::Expired => pb::reservation::State::Expired,
        };
        let line = |(product, quantity): (ProductId, Quantity)| pb::ReservationLine {
            product_id: product.to_string(),
            quantity: quantity.to_string(),
        };
        Self {
            id: reservation.id.to_string(),
            location_id: reservation.location.to_string(),
            source_kind: "sale".to_owned(),
            source_id: reservation.sale.to_string(),
            state: state.into(),
            lines: reservation.lines.into_iter().map(line).collect(),
            expires_at: Some(proto::timestamp(reservation.expires_at)),
            created_at: Some(proto::timestamp(reservation.created_at)),
            updated_at: Some(proto::timestamp(reservation.updated_at)),
        }
    }
}
