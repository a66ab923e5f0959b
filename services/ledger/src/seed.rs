//! The ledger's share of the demo shop: its tax rates, and the owner's money in the safe.

use chrono::Days;
use db::Context;
use kit::{App, Tx};
use proto::identity::v1::shop::TaxRounding;
use proto::identity::v1::{Location, LocationChanged, Shop, ShopChanged};
use types::Money;
use types::id::demo_id;

use crate::Error;
use crate::journal_entry::{self, Booking, JournalEntryId, Memo, Reverses, Source};
use crate::ledger_account::code;
use crate::tax_rate::{self, Rate, TaxRateId, Terms};

/// Kinds of demo ids.
const LOCATION: u16 = 1;
const TAX_RATE: u16 = 8;
const OPENING: u16 = 11;

/// In minor units.
const IN_SAFE: Money = Money::minor(500_000);
/// The demo's sales begin after this.
const OPENED_DAYS_AGO: Days = Days::new(60);

const LOCATIONS: [(u32, &str, &str); 2] = [(1, "Main Street", "8.25"), (2, "Riverside", "7.75")];

/// Fills what is empty; what is there stays as it is.
pub(crate) async fn fill(app: &App) -> Result<(), Error> {
    let mut tx = app.db.begin_background(Context::of_service(app.name, "ledger.seed", app.clock.now())).await?;
    copy_shop(&mut tx).await?;
    if !tax_rate::store::any(&mut tx).await? {
        for (n, _, rate) in LOCATIONS {
            let draft = tax_rate::Draft {
                location_id: demo_id(LOCATION, n),
                tax_category: "goods".to_owned(),
                terms: Terms {
                    name: "Sales tax".to_owned(),
                    rate: Rate::parse("rate", rate)?,
                    included: false,
                    position: 1,
                    compounds: false,
                },
            };
            tax_rate::rpc::add(&mut tx, TaxRateId::from_uuid(demo_id(TAX_RATE, n)), &draft).await?;
        }
    }
    open_books(app, &mut tx).await?;
    app.db.commit(tx).await?;
    Ok(())
}

/// Identity's values, older than all that it tells, so that its first word replaces them.
async fn copy_shop(tx: &mut Tx) -> Result<(), Error> {
    let shop = Shop {
        name: "Harmony Music".to_owned(),
        currency: "USD".to_owned(),
        currency_digits: 2,
        time_zone: "America/Chicago".to_owned(),
        tax_rounding: TaxRounding::Line.into(),
        cash_rounding_minor_units: 1,
        ..Shop::default()
    };
    shop::hear_shop(tx, &ShopChanged { shop: Some(shop), version: 0 }).await?;
    for (n, name, _) in LOCATIONS {
        let location = Location { id: demo_id(LOCATION, n).to_string(), name: name.to_owned(), ..Location::default() };
        shop::hear_location(tx, &LocationChanged { location: Some(location), version: 0 }).await?;
    }
    Ok(())
}

/// The owner's money is in the safe before the first float is taken out of it. Booked once.
async fn open_books(app: &App, tx: &mut Tx) -> Result<(), Error> {
    let today = shop::today(tx, app.clock.now()).await?;
    let booking = Booking::default().debit(code::SAFE, IN_SAFE).credit(code::EQUITY, IN_SAFE);
    let Some(lines) = booking.close().map_err(kit::Fault::new)? else { return Ok(()) };
    let opening = journal_entry::Draft {
        id: JournalEntryId::from_uuid(demo_id(OPENING, 1)),
        effective_on: today.checked_sub_days(OPENED_DAYS_AGO).unwrap_or(today),
        memo: Memo::new("Opening balance"),
        source: Source {
            service: "ledger".to_owned(),
            kind: "opening".to_owned(),
            id: demo_id(OPENING, 1),
            event: "ledger.opening.booked".to_owned(),
        },
        reverses: Reverses::Nothing,
        producer_tx: None,
        account_id: None,
        lines,
    };
    journal_entry::rpc::book(tx, &opening).await?;
    Ok(())
}
