//! The demo shop's registers and a month of past sales, through the same rules as those of today.

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use db::{Context, Subject, Tx};
use kit::App;
use proto::common::v1::Money as PbMoney;
use proto::identity::v1::{Location, LocationChanged, Shop, ShopChanged, shop::TaxRounding};
use proto::ledger::v1::{TaxRate, tax_rate};
use proto::pos::v1 as pb;
use types::id::demo_id;
use types::{Date, Decimal, Money};
use uuid::Uuid;

use crate::copy::store as copies;
use crate::drawer::store::{self as drawers, Opening as DrawerOpening};
use crate::drawer::{self, Register, RegisterId, SessionId};
use crate::error::Error;
use crate::receipt::Head;
use crate::sale::till::{Opening, Payment};
use crate::sale::{Customer, LineDraft, Sale, SaleId, rpc, store};
use crate::tender::{Coins, Kind, Tender};

const LOCATION: u16 = 1;
const USER: u16 = 2;
const PRODUCT: u16 = 6;
const REGISTER: u16 = 7;
const TAX_RATE: u16 = 8;
const SESSION: u16 = 9;
const SALE: u16 = 10;

const DAYS: u64 = 30;
const CLERK: Uuid = demo_id(USER, 3);

/// The registers: number, location, name.
const REGISTERS: [(u32, u32, &str); 3] = [(1, 1, "Front counter"), (2, 1, "Repair desk"), (3, 2, "Riverside counter")];

/// Does nothing when there are registers already.
pub(crate) async fn seed(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin(Context::of_service("pos", "seed", now)).await?;
    if !drawers::all_registers(&mut tx).await?.is_empty() {
        return Ok(());
    }
    keep_copies(&mut tx).await?;
    for (n, location, name) in REGISTERS {
        let id = RegisterId::from_uuid(demo_id(REGISTER, n));
        drawers::insert_register(&mut tx, id, demo_id(LOCATION, location), name).await?;
    }
    app.db.commit(tx).await?;
    let mut dice = Dice(20_261_121);
    let mut sales = 0;
    for ago in (1..=DAYS).rev() {
        let day = (now - Days::new(ago)).date_naive();
        for (n, _, _) in REGISTERS {
            sales = trade(app, day, u32::try_from(ago).unwrap_or(0) * 10 + n, n, sales, &mut dice).await?;
        }
    }
    Ok(())
}

/// What events would tell later, so that the past can be reckoned now; version 0 gives way to what is heard.
async fn keep_copies(tx: &mut Tx) -> Result<(), Error> {
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
    for (n, name, rate) in [(1, "Main Street", "8.25"), (2, "Riverside", "7.75")] {
        let id = demo_id(LOCATION, n).to_string();
        let location = Location { id: id.clone(), name: name.to_owned(), ..Location::default() };
        shop::hear_location(tx, &LocationChanged { location: Some(location), version: 0 }).await?;
        let rate = TaxRate {
            id: demo_id(TAX_RATE, n).to_string(),
            name: "Sales tax".to_owned(),
            location_id: id,
            tax_category: "goods".to_owned(),
            rate: rate.to_owned(),
            state: tax_rate::State::Active.into(),
            ..TaxRate::default()
        };
        copies::keep_tax_rate(tx, &rate, 0).await?;
    }
    Ok(())
}

/// One register's day, from the float to the count, in one transaction.
async fn trade(
    app: &App,
    day: Date,
    session: u32,
    register: u32,
    mut sales: u32,
    dice: &mut Dice,
) -> Result<u32, Error> {
    // Ten in the morning in Chicago, within an hour.
    let opens = day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(16);
    let mut tx = app.db.begin(Context::of_service("pos", "seed", opens)).await?;
    let register = drawers::get_register(&mut tx, RegisterId::from_uuid(demo_id(REGISTER, register))).await?;
    let id = SessionId::from_uuid(demo_id(SESSION, session));
    let float = Money::minor(20_000);
    let opening = DrawerOpening {
        id,
        register: &register,
        float,
        by: CLERK,
        by_name: "Casey Clerk",
        business_on: day,
        at: opens,
    };
    let open = drawers::open_session(&mut tx, &opening).await?;
    tx.publish(Subject { id: id.uuid(), version: open.version }, &drawer::rpc::opened(&open));
    let rates = store::rates(&mut tx, register.location_id, None, opens).await?;
    let shop = shop::shop(&mut tx).await?;
    for turn in 0..3 + dice.below(5) {
        sales += 1;
        let at = opens + TimeDelta::minutes(i64::from(turn) * 55 + i64::from(dice.below(40)));
        let sale = past_sale(sales, &register, id, day, at, dice, &rates, &shop)?;
        store::insert(&mut tx, &sale, None).await?;
        let event = pb::SaleCompleted { sale: Some(sale.clone().into()) };
        tx.publish(Subject { id: sale.id.uuid(), version: 1 }, &event);
    }
    let closes = opens + TimeDelta::hours(8);
    let open = drawers::get_session(&mut tx, id).await?;
    let slip = if dice.below(8) == 0 { Money::minor(i64::from(dice.below(500)) - 250) } else { Money::ZERO };
    let counted = open.expected_cash + slip;
    let closed = open.close(counted, None, CLERK, closes)?;
    if let Some(closing) = closed.closing.clone() {
        let closed = drawers::save_closed(&mut tx, &closed, &closing).await?;
        tx.publish(Subject { id: id.uuid(), version: closed.version }, &drawer::rpc::closed(&closed, day));
    }
    app.db.commit(tx).await?;
    Ok(sales)
}

#[expect(clippy::too_many_arguments, reason = "a sale of the past needs all that one of today finds around it")]
fn past_sale(
    n: u32,
    register: &Register,
    session: SessionId,
    day: Date,
    at: DateTime<Utc>,
    dice: &mut Dice,
    rates: &[crate::sale::line::Rate],
    shop: &shop::Shop,
) -> Result<Sale, Error> {
    let lines = (0..=dice.below(3)).map(|_| (Uuid::now_v7(), line(dice))).collect();
    let opening = Opening {
        id: SaleId::from_uuid(demo_id(SALE, n)),
        location_id: register.location_id,
        register_id: register.id,
        customer: Customer::default(),
        discount: None,
        by: CLERK,
        at,
    };
    let sale = Sale::begin(opening).with_lines(lines, rates, rpc::reckoning(shop))?;
    let total = sale.totals.total;
    let (kind, amount) = if dice.below(3) == 0 {
        (Kind::Cash, Money::minor((total.minor_units() + 1_999) / 2_000 * 2_000))
    } else {
        (Kind::Card, total)
    };
    let reference = (kind == Kind::Card).then(|| format!("T{n:06}"));
    let tender = Tender { id: Uuid::now_v7(), kind, amount, change: Money::ZERO, reference };
    sale.pay(Payment {
        tenders: vec![tender],
        coins: Coins { smallest: 1, digits: shop.currency_digits },
        session: Some(session),
        number: format!("{}-D{n:05}", day.format("%Y%m%d")),
        business_on: day,
        head: Head {
            shop_name: shop.name.clone(),
            location_name: if register.location_id == demo_id(LOCATION, 1) { "Main Street" } else { "Riverside" }
                .to_owned(),
            register_name: register.name.clone(),
            currency: shop.currency.clone(),
            currency_digits: shop.currency_digits,
            cashier: "Casey Clerk".to_owned(),
            footer: None,
            printed_time: at.with_timezone(&shop.time_zone).format("%Y-%m-%d %H:%M").to_string(),
            tax_exemption: None,
        },
        at,
    })
}

/// A product of the demo catalogue at its price; inventory's seed makes the same ones.
fn line(dice: &mut Dice) -> LineDraft {
    let n = 1 + dice.below(320);
    let service = n > 300;
    LineDraft {
        product_id: Some(demo_id(PRODUCT, n)),
        sku: None,
        description: if service { format!("Service {n}") } else { format!("Article {n}") },
        quantity: Decimal::ONE,
        unit_price: Money::from(PbMoney { minor_units: 199 + i64::from(n * 7919 % 24_000) * 10 }),
        list_price: None,
        tax_category: if service { "service" } else { "goods" }.to_owned(),
        discount: None,
    }
}

/// The same throws every time, so that every demo shop has the same past.
struct Dice(u64);

impl Dice {
    fn below(&mut self, faces: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap_or(0) % faces
    }
}
