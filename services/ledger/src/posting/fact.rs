//! Events of other services, read into facts.

use chrono::{DateTime, Utc};
use kit::Heard;
use proto::Event;
use proto::common::v1::Money as PbMoney;
use proto::inventory::v1::{StockAdjusted, StockIssued, StockReceived, StockReturned};
use proto::pos::v1::tender::Kind as TenderKind;
use proto::pos::v1::{DrawerClosed, DrawerOpened, Sale as PbSale, SaleCompleted, SaleVoided};
use types::id::parse_uuid;
use types::uuid::Uuid;
use types::{Money, parse_date};

use super::{Day, Fact, Movement, Sale, Unpostable};
use crate::journal_entry::{Memo, Source};

/// The tax category that earns service revenue; all others are goods.
const SERVICE: &str = "service";

/// An event as it was heard, or kept with a posting exception.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) event_id: Uuid,
    pub(crate) kind: String,
    pub(crate) producer: String,
    pub(crate) producer_tx: i64,
    pub(crate) body: Vec<u8>,
}

impl From<&Heard> for Told {
    fn from(heard: &Heard) -> Self {
        Self {
            event_id: heard.event_id,
            kind: heard.kind.clone(),
            producer: heard.producer.clone(),
            producer_tx: heard.producer_tx,
            body: heard.body.to_vec(),
        }
    }
}

impl Told {
    /// What the event says moved.
    ///
    /// # Errors
    /// When no rule knows the kind, or the event lacks something.
    pub(crate) fn fact(&self) -> Result<Fact, Unpostable> {
        match self.kind.as_str() {
            SaleCompleted::KIND => completed(self, self.read::<SaleCompleted>()?),
            SaleVoided::KIND => voided(self, self.read::<SaleVoided>()?),
            DrawerOpened::KIND => opened(self, &self.read::<DrawerOpened>()?),
            DrawerClosed::KIND => closed(self, &self.read::<DrawerClosed>()?),
            StockReceived::KIND => {
                let event: StockReceived = self.read()?;
                let movement = Movement::StockReceived { value: money(event.value, "the value")? };
                let source = source(self, "receipt", &event.receipt_id)?;
                stock(source, &event.location_id, event.occurred_at, Memo::new("Goods received"), movement)
            }
            StockAdjusted::KIND => {
                let event: StockAdjusted = self.read()?;
                let movement = Movement::StockAdjusted { value: money(event.value, "the value")? };
                let source = source(self, "adjustment", &event.adjustment_id)?;
                let memo = Memo::new(format!("Stock adjusted: {}", event.reason));
                stock(source, &event.location_id, event.occurred_at, memo, movement)
            }
            StockIssued::KIND => {
                let event: StockIssued = self.read()?;
                let movement = Movement::StockIssued { value: money(event.value, "the value")? };
                let source = source(self, "sale", &event.sale_id)?;
                stock(source, &event.location_id, event.occurred_at, Memo::new("Cost of goods sold"), movement)
            }
            StockReturned::KIND => {
                let event: StockReturned = self.read()?;
                let movement = Movement::StockReturned { value: money(event.value, "the value")? };
                let source = source(self, "sale", &event.sale_id)?;
                stock(source, &event.location_id, event.occurred_at, Memo::new("Cost of goods returned"), movement)
            }
            _ => Err(Unpostable::NoRule),
        }
    }

    fn read<E: Event>(&self) -> Result<E, Unpostable> {
        E::decode(self.body.as_slice()).map_err(|error| Unpostable::Unreadable(error.to_string()))
    }
}

fn completed(told: &Told, event: SaleCompleted) -> Result<Fact, Unpostable> {
    let sale = event.sale.ok_or(Unpostable::Lacks("the sale"))?;
    Ok(Fact {
        source: source(told, "sale", &sale.id)?,
        day: day(sale.business_on.as_deref().unwrap_or_default())?,
        memo: Memo::new(format!("Sale {}", name(&sale))),
        account_id: customer(&sale)?,
        movement: Movement::SaleCompleted(read_sale(&sale)?),
    })
}

fn voided(told: &Told, event: SaleVoided) -> Result<Fact, Unpostable> {
    let sale = event.sale.ok_or(Unpostable::Lacks("the sale"))?;
    let reason = sale.void_reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
    Ok(Fact {
        source: source(told, "sale", &sale.id)?,
        day: day(&event.business_on)?,
        memo: Memo::new(format!("Void of sale {}{reason}", name(&sale))),
        account_id: customer(&sale)?,
        movement: Movement::SaleVoided(read_sale(&sale)?),
    })
}

fn opened(told: &Told, event: &DrawerOpened) -> Result<Fact, Unpostable> {
    Ok(Fact {
        source: source(told, "drawer_session", &event.drawer_session_id)?,
        day: day(&event.business_on)?,
        memo: Memo::new("Drawer opened"),
        account_id: None,
        movement: Movement::DrawerOpened { float: money(event.opening_float, "the float")? },
    })
}

fn closed(told: &Told, event: &DrawerClosed) -> Result<Fact, Unpostable> {
    Ok(Fact {
        source: source(told, "drawer_session", &event.drawer_session_id)?,
        day: day(&event.business_on)?,
        memo: Memo::new("Drawer closed"),
        account_id: None,
        movement: Movement::DrawerClosed {
            expected: money(event.expected_cash, "the expected cash")?,
            counted: money(event.counted_cash, "the counted cash")?,
            over_short: money(event.over_short, "the difference")?,
        },
    })
}

fn stock(
    source: Source,
    location_id: &str,
    occurred_at: Option<prost_types::Timestamp>,
    memo: Memo,
    movement: Movement,
) -> Result<Fact, Unpostable> {
    let at = occurred_at.and_then(instant).ok_or(Unpostable::Lacks("the time"))?;
    let day = Day::At { location_id: id("location_id", location_id)?, at };
    Ok(Fact { source, day, memo, account_id: None, movement })
}

fn source(told: &Told, kind: &str, source_id: &str) -> Result<Source, Unpostable> {
    Ok(Source {
        service: told.producer.clone(),
        kind: kind.to_owned(),
        id: id(kind, source_id)?,
        event: told.kind.clone(),
    })
}

fn read_sale(sale: &PbSale) -> Result<Sale, Unpostable> {
    let mut out = Sale {
        net: money(sale.net, "the net")?,
        tax: money(sale.tax, "the tax")?,
        total: money(sale.total, "the total")?,
        cash_rounding: sale.cash_rounding.map(Money::from).unwrap_or_default(),
        ..Sale::default()
    };
    for line in &sale.lines {
        let net = money(line.net, "the net of a line")?;
        if line.tax_category == SERVICE {
            out.services += net;
        } else {
            out.goods += net;
        }
    }
    for tender in &sale.tenders {
        let kept = money(tender.amount, "the amount of a tender")? - tender.change.map(Money::from).unwrap_or_default();
        match tender.kind() {
            TenderKind::Cash => out.cash += kept,
            TenderKind::Card => out.card += kept,
            TenderKind::Unspecified => return Err(Unpostable::Lacks("the kind of a tender")),
        }
    }
    Ok(out)
}

/// None for a walk-in.
fn customer(sale: &PbSale) -> Result<Option<Uuid>, Unpostable> {
    sale.account_id.as_deref().map(|account| id("account_id", account)).transpose()
}

/// The number, or the id of a sale that has none.
fn name(sale: &PbSale) -> &str {
    sale.number.as_deref().unwrap_or(&sale.id)
}

fn money(amount: Option<PbMoney>, what: &'static str) -> Result<Money, Unpostable> {
    amount.map(Money::from).ok_or(Unpostable::Lacks(what))
}

fn day(text: &str) -> Result<Day, Unpostable> {
    match text {
        "" => Err(Unpostable::Lacks("the business date")),
        text => parse_date("business_on", text).map(Day::On).map_err(|why| Unpostable::Nonsense(why.to_string())),
    }
}

fn id(field: &str, text: &str) -> Result<Uuid, Unpostable> {
    parse_uuid(field, text).map_err(|why| Unpostable::Nonsense(why.to_string()))
}

fn instant(at: prost_types::Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)
}
