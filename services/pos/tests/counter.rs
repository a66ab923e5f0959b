//! A shop with one register, and inventory as a small fake.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pos::Pos;
use proto::common::v1::Money;
use proto::identity::v1::{Location, LocationChanged, Shop, ShopChanged, shop::TaxRounding};
use proto::inventory::v1 as inventory;
use proto::inventory::v1::reservation_service_server::{ReservationService, ReservationServiceServer};
use proto::ledger::v1::{TaxRate, TaxRateChanged, tax_rate};
use proto::pos::v1 as pb;
use proto::pos::v1::drawer_session_service_client::DrawerSessionServiceClient;
use proto::pos::v1::register_service_client::RegisterServiceClient;
use proto::pos::v1::sale_service_client::SaleServiceClient;
use testing::{Builder, House, Voice};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};
use uuid::Uuid;

pub(crate) const CLERK: &[&str] = &["pos.edit", "inventory.view"];
pub(crate) const MANAGER: &[&str] = &["pos.admin"];

/// Prices by product, and what was asked.
#[derive(Clone, Default)]
pub(crate) struct FakeShelf(Arc<Mutex<Shelf>>);

#[derive(Default)]
struct Shelf {
    prices: HashMap<String, i64>,
    sold_out: bool,
    away: bool,
    held: Vec<String>,
    given_back: Vec<String>,
    /// Who relies on the stock of a sale.
    holders: HashMap<String, HashSet<String>>,
}

impl FakeShelf {
    pub(crate) fn product(&self, price: i64) -> String {
        let id = Uuid::now_v7().to_string();
        self.0.lock().unwrap().prices.insert(id.clone(), price);
        id
    }

    pub(crate) fn sell_out(&self) {
        self.0.lock().unwrap().sold_out = true;
    }

    pub(crate) fn go_away(&self) {
        self.0.lock().unwrap().away = true;
    }

    pub(crate) fn held(&self) -> Vec<String> {
        self.0.lock().unwrap().held.clone()
    }

    /// How many attempts rely on the stock of a sale; of nobody's it is free.
    pub(crate) fn holders(&self, sale: &str) -> usize {
        self.0.lock().unwrap().holders.get(sale).map_or(0, HashSet::len)
    }

    pub(crate) fn given_back(&self) -> Vec<String> {
        self.0.lock().unwrap().given_back.clone()
    }
}

#[async_trait]
impl ReservationService for FakeShelf {
    async fn reserve_stock(
        &self,
        request: Request<inventory::ReserveStockRequest>,
    ) -> Result<Response<inventory::ReserveStockResponse>, Status> {
        let message = request.into_inner();
        let mut shelf = self.0.lock().unwrap();
        if shelf.away {
            return Err(Status::unavailable("closed"));
        }
        if shelf.sold_out && !message.price_only {
            return Err(refused(Code::FailedPrecondition, "OUT_OF_STOCK", message.lines.len() - 1));
        }
        let mut products = Vec::new();
        for (i, line) in message.lines.iter().enumerate() {
            let Some(price) = shelf.prices.get(&line.product_id) else {
                return Err(refused(Code::InvalidArgument, "PRODUCT_UNKNOWN", i));
            };
            products.push(inventory::PricedProduct {
                product_id: line.product_id.clone(),
                sku: "SKU".to_owned(),
                name: "Violin".to_owned(),
                tax_category: "goods".to_owned(),
                price: Some(Money { minor_units: *price }),
                is_stock: true,
            });
        }
        if !message.price_only {
            let holder = message.holder.unwrap_or_else(|| message.sale_id.clone());
            shelf.holders.entry(message.sale_id.clone()).or_default().insert(holder);
            shelf.held.push(message.sale_id);
        }
        Ok(Response::new(inventory::ReserveStockResponse { products, reservation: None }))
    }

    async fn void_reservation(
        &self,
        request: Request<inventory::VoidReservationRequest>,
    ) -> Result<Response<inventory::VoidReservationResponse>, Status> {
        let message = request.into_inner();
        let mut shelf = self.0.lock().unwrap();
        let holder = message.holder.unwrap_or_else(|| message.sale_id.clone());
        if let Some(holders) = shelf.holders.get_mut(&message.sale_id)
            && holders.remove(&holder)
            && holders.is_empty()
        {
            shelf.given_back.push(message.sale_id);
        }
        Ok(Response::new(inventory::VoidReservationResponse {}))
    }

    async fn list_reservations(
        &self,
        _request: Request<inventory::ListReservationsRequest>,
    ) -> Result<Response<inventory::ListReservationsResponse>, Status> {
        Err(Status::unimplemented("not asked by pos"))
    }

    async fn get_reservation(
        &self,
        _request: Request<inventory::GetReservationRequest>,
    ) -> Result<Response<inventory::GetReservationResponse>, Status> {
        Err(Status::unimplemented("not asked by pos"))
    }
}

/// A shop at noon in Chicago on 21 November 2026, with one register.
pub(crate) struct Shop1 {
    pub(crate) house: House<Pos>,
    pub(crate) shelf: FakeShelf,
    pub(crate) location: String,
    pub(crate) register: String,
}

impl Shop1 {
    pub(crate) async fn open() -> Self {
        Self::with(Shop { cash_rounding_minor_units: 1, tax_rounding: TaxRounding::Line.into(), ..Shop::default() })
            .await
    }

    pub(crate) async fn with(profile: Shop) -> Self {
        let shelf = FakeShelf::default();
        let fake = shelf.clone();
        let house: House<Pos> = Builder::default()
            .at("2026-11-21T18:00:00Z")
            .asks("inventory", |routes| {
                routes.add_service(ReservationServiceServer::new(fake));
            })
            .open(pos::Settings::default())
            .await;
        let location = Uuid::now_v7().to_string();
        let profile = Shop {
            name: "Harmony Music".to_owned(),
            currency: "USD".to_owned(),
            currency_digits: 2,
            time_zone: "America/Chicago".to_owned(),
            ..profile
        };
        house.hears(&ShopChanged { shop: Some(profile), version: 1 }).await.unwrap();
        let place = Location { id: location.clone(), name: "Main Street".to_owned(), ..Location::default() };
        house.hears(&LocationChanged { location: Some(place), version: 1 }).await.unwrap();
        let mut shop = Self { house, shelf, location, register: String::new() };
        shop.register = shop.new_register("Front counter").await;
        shop
    }

    pub(crate) async fn new_register(&self, name: &str) -> String {
        let register =
            pb::Register { location_id: self.location.clone(), name: name.to_owned(), ..pb::Register::default() };
        let request = pb::CreateRegisterRequest { register: Some(register) };
        let mut client = RegisterServiceClient::new(self.house.user(MANAGER));
        client.create_register(request).await.unwrap().into_inner().register.unwrap().id
    }

    pub(crate) async fn tax(&self, percent: &str, included: bool) {
        let tax_rate = TaxRate {
            id: Uuid::now_v7().to_string(),
            name: "Sales tax".to_owned(),
            location_id: self.location.clone(),
            tax_category: "goods".to_owned(),
            rate: percent.to_owned(),
            included,
            state: tax_rate::State::Active.into(),
            ..TaxRate::default()
        };
        self.house.hears(&TaxRateChanged { tax_rate: Some(tax_rate), version: 1 }).await.unwrap();
    }

    pub(crate) fn sales(&self, key: &str) -> SaleServiceClient<Voice> {
        SaleServiceClient::new(self.house.user_with(CLERK, &[("idempotency-key", key)]))
    }

    pub(crate) fn drawers(&self, key: &str) -> DrawerSessionServiceClient<Voice> {
        DrawerSessionServiceClient::new(self.house.user_with(CLERK, &[("idempotency-key", key)]))
    }

    pub(crate) async fn open_drawer(&self, float: i64) -> pb::DrawerSession {
        let request = pb::CreateDrawerSessionRequest {
            register_id: self.register.clone(),
            opening_float: Some(Money { minor_units: float }),
        };
        let key = Uuid::now_v7().to_string();
        self.drawers(&key).create_drawer_session(request).await.unwrap().into_inner().session.unwrap()
    }

    pub(crate) async fn drawer(&self, id: &str) -> pb::DrawerSession {
        let request = pb::GetDrawerSessionRequest { id: id.to_owned() };
        self.drawers("any").get_drawer_session(request).await.unwrap().into_inner().session.unwrap()
    }

    pub(crate) async fn close_drawer(&self, id: &str, counted: i64) -> Result<pb::DrawerSession, Status> {
        let request = pb::CloseDrawerSessionRequest {
            id: id.to_owned(),
            counted_cash: Some(Money { minor_units: counted }),
            note: None,
        };
        let key = Uuid::now_v7().to_string();
        Ok(self.drawers(&key).close_drawer_session(request).await?.into_inner().session.unwrap())
    }

    /// A sale of products, paid at once.
    pub(crate) fn cart(&self, products: &[&str], tenders: Vec<pb::TenderInput>) -> pb::CreateSaleRequest {
        pb::CreateSaleRequest {
            register_id: self.register.clone(),
            lines: products.iter().map(|id| line(id)).collect(),
            tenders,
            complete: true,
            ..pb::CreateSaleRequest::default()
        }
    }

    pub(crate) async fn sell(&self, request: pb::CreateSaleRequest) -> Result<pb::Sale, Status> {
        let key = Uuid::now_v7().to_string();
        Ok(self.sales(&key).create_sale(request).await?.into_inner().sale.unwrap())
    }

    /// A manager voids a sale.
    pub(crate) async fn void(&self, id: &str) -> Result<pb::Sale, Status> {
        self.void_with(&self.house.keys.token(MANAGER), "", id).await
    }

    /// Somebody voids a sale, and shows an approval.
    pub(crate) async fn void_with(&self, token: &str, approval: &str, id: &str) -> Result<pb::Sale, Status> {
        let key = Uuid::now_v7().to_string();
        let shown = [("idempotency-key", key.as_str()), ("x-approval-token", approval)];
        let mut sales = SaleServiceClient::new(self.house.token_with(token, &shown));
        let request = pb::VoidSaleRequest { id: id.to_owned(), reason: "wrong item".to_owned() };
        Ok(sales.void_sale(request).await?.into_inner().sale.unwrap())
    }
}

pub(crate) fn line(product: &str) -> pb::SaleLineInput {
    pb::SaleLineInput { product_id: Some(product.to_owned()), quantity: "1".to_owned(), ..pb::SaleLineInput::default() }
}

pub(crate) fn cash(minor_units: i64) -> pb::TenderInput {
    pb::TenderInput { kind: pb::tender::Kind::Cash.into(), amount: Some(Money { minor_units }), reference: None }
}

pub(crate) fn card(minor_units: i64) -> pb::TenderInput {
    pb::TenderInput {
        kind: pb::tender::Kind::Card.into(),
        amount: Some(Money { minor_units }),
        reference: Some("T-1".to_owned()),
    }
}

pub(crate) fn minor(money: Option<Money>) -> i64 {
    money.unwrap().minor_units
}

/// As inventory refuses a line.
fn refused(code: Code, reason: &str, line: usize) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, "inventory.lunarfront", HashMap::new());
    details.add_bad_request_violation(format!("lines[{line}].product_id"), "is to blame");
    Status::with_error_details(code, "no", details)
}

/// An item without a product.
pub(crate) fn open_item(price: i64) -> pb::SaleLineInput {
    pb::SaleLineInput {
        quantity: "1".to_owned(),
        unit_price: Some(Money { minor_units: price }),
        description: Some("String change".to_owned()),
        tax_category: Some("service".to_owned()),
        ..pb::SaleLineInput::default()
    }
}

/// The fields that a refusal blames.
pub(crate) fn blamed(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

/// The reason of a refusal, such as `DRAWER_NOT_OPEN`.
pub(crate) fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}
