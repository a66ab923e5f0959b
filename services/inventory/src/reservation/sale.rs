//! What becomes of the stock when a sale is heard to be completed or reversed, in whatever order.

use db::{Subject, Tx};
use proto::inventory::v1 as pb;

use super::store::Release;
use super::{Reservation, ReservationId, State, Step, added_up, store};
use crate::Error;
use crate::product::{Kind, ProductId};
use crate::quantity::Quantity;
use crate::shelf::Shelf;
use crate::stock::store::Why;
use crate::stock::{self, Line, LocationId, SaleId, Source};

/// The goods of a sale.
pub(crate) struct Sold {
    pub(crate) sale: SaleId,
    pub(crate) location: LocationId,
    pub(crate) lines: Vec<Line>,
    /// When it was completed, or reversed.
    pub(crate) at: prost_types::Timestamp,
}

/// The goods go out, once. What was promised is used up; a sale without a promise takes what is free.
pub(crate) async fn completed(tx: &mut Tx, sold: &Sold) -> Result<(), Error> {
    let live = store::lock_live(tx, sold.sale).await?;
    if live.as_ref().is_some_and(|live| live.on_completion() == Step::Nothing) {
        return Ok(());
    }
    let live = at_its_location(tx, sold, live).await?;
    let held = live.as_ref().map_or(&[][..], |live| &live.lines);
    let wanted = added_up(&sold.lines);
    let mut products: Vec<ProductId> = wanted.iter().chain(held).map(|(id, _)| *id).collect();
    products.sort_unstable();
    products.dedup();
    if products.is_empty() {
        return Ok(());
    }
    let mut shelf = stock::store::lock(tx, sold.location, &products).await?;
    let issued = shelf.sell(&wanted, held)?;
    let is_first = match &live {
        Some(live) => {
            save(tx, &shelf, sold.sale).await?;
            store::post(tx, live.id).await?
        }
        None if issued.is_empty() => return Ok(()),
        None => {
            save(tx, &shelf, sold.sale).await?;
            remember(tx, sold, State::Posted, issued).await?
        }
    };
    if !is_first {
        return Err(Error::SaleBusy);
    }
    if !shelf.moves.is_empty() {
        let issued = pb::StockIssued {
            sale_id: sold.sale.to_string(),
            location_id: sold.location.to_string(),
            value: Some((-shelf.value()).into()),
            occurred_at: Some(sold.at),
        };
        tx.publish(Subject { id: sold.sale.uuid(), version: 1 }, &issued);
    }
    Ok(())
}

/// The goods come back at the cost they left with. When they have not left yet, they never will.
pub(crate) async fn reversed(tx: &mut Tx, sold: &Sold) -> Result<(), Error> {
    let Some(live) = store::lock_live(tx, sold.sale).await? else {
        let products: Vec<ProductId> = added_up(&sold.lines).into_iter().map(|(id, _)| id).collect();
        let offers = store::price(tx, &products).await?;
        let is_known = !offers.iter().any(|offer| offer.kind == Kind::Stock)
            || remember(tx, sold, State::Voided, Vec::new()).await?;
        return if is_known { Ok(()) } else { Err(Error::SaleBusy) };
    };
    match live.on_reversal() {
        Step::Nothing | Step::Issue => Ok(()),
        Step::Release => end(tx, live.id, true).await,
        Step::TakeBack => take_back(tx, sold, &live).await,
    }
}

async fn take_back(tx: &mut Tx, sold: &Sold, posted: &Reservation) -> Result<(), Error> {
    let goods = stock::store::sold(tx, sold.sale).await?;
    let products: Vec<ProductId> = goods.iter().map(|(id, ..)| *id).collect();
    let mut shelf = stock::store::lock(tx, posted.location, &products).await?;
    for (index, (product, quantity, value)) in goods.into_iter().enumerate() {
        shelf.take_back(&Line { index, product, quantity }, value)?;
    }
    save(tx, &shelf, sold.sale).await?;
    if !store::close(tx, posted.id).await? {
        return Err(Error::SaleBusy);
    }
    if !shelf.moves.is_empty() {
        let returned = pb::StockReturned {
            sale_id: sold.sale.to_string(),
            location_id: posted.location.to_string(),
            value: Some(shelf.value().into()),
            occurred_at: Some(sold.at),
        };
        tx.publish(Subject { id: sold.sale.uuid(), version: 2 }, &returned);
    }
    Ok(())
}

/// A promise at another location than the sale's is no use to it.
async fn at_its_location(tx: &mut Tx, sold: &Sold, live: Option<Reservation>) -> Result<Option<Reservation>, Error> {
    match live {
        Some(live) if live.location != sold.location => {
            end(tx, live.id, false).await?;
            Ok(None)
        }
        live => Ok(live),
    }
}

async fn end(tx: &mut Tx, id: ReservationId, closes: bool) -> Result<(), Error> {
    let from = &[State::Pending, State::Confirmed];
    store::release(tx, Release { ids: &[id], from, to: State::Voided, overdue_at: None, closes }).await?;
    Ok(())
}

async fn save(tx: &mut Tx, shelf: &Shelf, sale: SaleId) -> Result<(), Error> {
    stock::store::save(tx, shelf, Why::of(Source::Sale(sale))).await
}

/// Keeps in mind what became of a sale that had no promise, so that it is never booked again.
async fn remember(tx: &mut Tx, sold: &Sold, state: State, lines: Vec<(ProductId, Quantity)>) -> Result<bool, Error> {
    let now = tx.context().now;
    let reservation = Reservation {
        id: ReservationId::new(),
        location: sold.location,
        sale: sold.sale,
        state,
        is_closed: state == State::Voided,
        lines,
        holders: Vec::new(),
        expires_at: now,
        created_at: now,
        updated_at: now,
    };
    store::remember(tx, &reservation).await
}
