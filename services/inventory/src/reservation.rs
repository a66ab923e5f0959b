//! Reservations: stock promised to a sale until it is posted, voided or too late.

pub(crate) mod rpc;
pub(crate) mod sale;
pub(crate) mod store;
pub(crate) mod sweep;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use types::Money;

use crate::Error;
use crate::error::Blame;
use crate::product::{self, ProductId, label};
use crate::quantity::Quantity;
use crate::stock::{Line, LocationId, SaleId};

types::ids! {
    /// A reservation.
    ReservationId,
    /// An attempt to complete a sale, which relies on its reservation.
    HolderId,
}

/// A promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub id: ReservationId,
    pub location: LocationId,
    pub sale: SaleId,
    pub state: State,
    /// The sale was reversed: nothing is promised to it or issued for it ever again.
    pub is_closed: bool,
    /// In the order of their products; one for each.
    pub lines: Vec<(ProductId, Quantity)>,
    /// Who relies on it while it is pending. Two requests for one sale may be under way at once, and the one that fails
    /// must not free what the other sells.
    pub holders: Vec<HolderId>,
    pub expires_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Where the promise is in its life. It is resolved once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Holds stock, and may expire.
    Pending,
    /// The sale is completed: holds stock, and never expires.
    Confirmed,
    /// The stock has gone out.
    Posted,
    Voided,
    Expired,
}

impl Reservation {
    /// The same question has the same answer; another one is refused.
    ///
    /// # Errors
    /// When the sale was reversed, or asked for other stock.
    pub fn answers(&self, wanted: &Wanted) -> Result<(), Error> {
        if self.is_closed {
            return Err(Error::SaleVoided);
        }
        let same = self.location == wanted.location && self.lines == wanted.stock_lines;
        if same { Ok(()) } else { Err(Error::ReservationDiffers) }
    }

    /// Nobody else relies on it.
    pub fn is_only_for(&self, holder: HolderId) -> bool {
        self.holders.iter().all(|other| *other == holder)
    }

    /// What becomes of stock that was promised when the sale turns out to be completed.
    pub fn on_completion(&self) -> Step {
        match self.state {
            _ if self.is_closed => Step::Nothing,
            State::Pending | State::Confirmed => Step::Issue,
            State::Posted => Step::Nothing,
            State::Voided | State::Expired => Step::Issue,
        }
    }

    /// What becomes of the stock when the sale turns out to be reversed.
    pub fn on_reversal(&self) -> Step {
        match self.state {
            _ if self.is_closed => Step::Nothing,
            State::Pending | State::Confirmed => Step::Release,
            State::Posted => Step::TakeBack,
            State::Voided | State::Expired => Step::Release,
        }
    }
}

/// What an event of a sale asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was done before, or never will be.
    Nothing,
    Issue,
    Release,
    TakeBack,
}

/// What a sale wants to have promised: its stock products, added up, at one location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub sale: SaleId,
    pub location: LocationId,
    /// In the order of their products; one for each.
    pub stock_lines: Vec<(ProductId, Quantity)>,
}

/// A product as a till must know it, and whether its stock could be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub product: ProductId,
    pub sku: String,
    pub name: String,
    pub tax_category: String,
    pub price: Money,
    pub kind: product::Kind,
    pub state: product::State,
    pub is_held: bool,
}

/// Adds up the lines of each product, in the order of the products.
pub fn added_up(lines: &[Line]) -> Vec<(ProductId, Quantity)> {
    let mut sums = BTreeMap::new();
    for line in lines {
        let sum = sums.entry(line.product).or_insert(Quantity::ZERO);
        *sum = *sum + line.quantity;
    }
    sums.into_iter().collect()
}

/// The lines whose products lie on a shelf.
pub fn stock_only(lines: &[(ProductId, Quantity)], offers: &[Offer]) -> Vec<(ProductId, Quantity)> {
    let on_shelf = |id: ProductId| offers.iter().any(|offer| offer.product == id && offer.kind == product::Kind::Stock);
    lines.iter().filter(|(id, _)| on_shelf(*id)).copied().collect()
}

/// All products of the lines are known and on sale.
///
/// # Errors
/// The lines whose products are not.
pub fn all_on_sale(lines: &[Line], offers: &[Offer]) -> Result<(), Error> {
    let offer = |line: &Line| offers.iter().find(|offer| offer.product == line.product);
    let unknown = lines.iter().filter(|line| offer(line).is_none());
    let unknown = unknown.map(|line| Blame::on_line(line.index, format!("no product {}", line.product)));
    if let Some(blame) = Blame::on_all(unknown) {
        return Err(Error::ProductUnknown(blame));
    }
    let gone = |offer: &&Offer| offer.state == product::State::Discontinued;
    let gone = lines.iter().filter_map(|line| offer(line).filter(gone).map(|offer| (line.index, offer)));
    let gone =
        gone.map(|(index, offer)| Blame::on_line(index, format!("{} is out of sale", label(&offer.name, &offer.sku))));
    Blame::on_all(gone).map_or(Ok(()), |blame| Err(Error::ProductDiscontinued(blame)))
}

/// All stock products of the lines could be held.
///
/// # Errors
/// The lines that could not.
pub fn all_held(lines: &[Line], offers: &[Offer]) -> Result<(), Error> {
    let short = |offer: &&Offer| offer.kind == product::Kind::Stock && !offer.is_held;
    let line = |offer: &Offer| lines.iter().find(|line| line.product == offer.product).map_or(0, |line| line.index);
    let mut short: Vec<(usize, &Offer)> = offers.iter().filter(short).map(|offer| (line(offer), offer)).collect();
    short.sort_by_key(|(index, _)| *index);
    let short = short.into_iter().map(|(index, offer)| {
        Blame::on_line(index, format!("not enough of {} is free at this location", label(&offer.name, &offer.sku)))
    });
    Blame::on_all(short).map_or(Ok(()), |blame| Err(Error::OutOfStock(blame)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reservation(state: State, is_closed: bool) -> Reservation {
        Reservation {
            id: ReservationId::new(),
            location: LocationId::new(),
            sale: SaleId::new(),
            state,
            is_closed,
            lines: vec![(ProductId::new(), Quantity::units(2))],
            holders: Vec::new(),
            expires_at: DateTime::UNIX_EPOCH,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn whatever_comes_first_a_sale_is_issued_once_and_reversed_once() {
        for (state, closed, completed, reversed) in [
            (State::Pending, false, Step::Issue, Step::Release),
            (State::Confirmed, false, Step::Issue, Step::Release),
            (State::Posted, false, Step::Nothing, Step::TakeBack),
            (State::Posted, true, Step::Nothing, Step::Nothing),
            (State::Voided, true, Step::Nothing, Step::Nothing),
        ] {
            let reservation = reservation(state, closed);
            assert_eq!((reservation.on_completion(), reservation.on_reversal()), (completed, reversed), "{state:?}");
        }
    }

    #[test]
    fn the_same_question_has_the_same_answer() {
        let held = reservation(State::Pending, false);
        let mut wanted = Wanted { sale: held.sale, location: held.location, stock_lines: held.lines.clone() };
        held.answers(&wanted).unwrap();
        wanted.stock_lines[0].1 = Quantity::units(3);
        assert!(matches!(held.answers(&wanted), Err(Error::ReservationDiffers)));
        assert!(matches!(reservation(State::Voided, true).answers(&wanted), Err(Error::SaleVoided)));
    }

    #[test]
    fn two_lines_of_one_product_are_one_promise() {
        let (violin, bow) = (ProductId::new(), ProductId::new());
        let line = |index, product, units| Line { index, product, quantity: Quantity::units(units) };
        let sums = added_up(&[line(0, bow, 1), line(1, violin, 2), line(2, bow, 3)]);
        assert_eq!(sums, [(violin, Quantity::units(2)), (bow, Quantity::units(4))]);
    }
}
