//! A shop with two locations, and the words to speak with it.

use inventory::{Error, Inventory, Settings};
use proto::common::v1::Money;
use proto::identity::v1::{Location, LocationChanged};
use proto::inventory::v1 as pb;
use proto::inventory::v1::category_service_client::CategoryServiceClient;
use proto::inventory::v1::inventory_control_service_client::InventoryControlServiceClient;
use proto::inventory::v1::product_service_client::ProductServiceClient;
use proto::inventory::v1::reservation_service_client::ReservationServiceClient;
use proto::inventory::v1::stock_service_client::StockServiceClient;
use proto::pos::v1 as pos;
use testing::{Builder, House, Voice};
use tonic::Status;
use tonic_types::StatusExt;
use types::uuid::Uuid;

pub(crate) const NOON: &str = "2026-11-21T12:00:00Z";

pub(crate) struct Shop {
    pub(crate) house: House<Inventory>,
    /// Where things happen.
    pub(crate) main: String,
    /// Where nothing does, unless it is said.
    pub(crate) other: String,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(Builder::default()).await
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        let house = builder.at(NOON).open::<Inventory>(Settings::default()).await;
        let shop = Self { house, main: Uuid::now_v7().to_string(), other: Uuid::now_v7().to_string() };
        for (id, name) in [(&shop.main, "Main Street"), (&shop.other, "Riverside")] {
            let location = Location { id: id.clone(), name: name.to_owned(), ..Location::default() };
            shop.house.hears(&LocationChanged { location: Some(location), version: 1 }).await.unwrap();
        }
        shop
    }

    /// Somebody who may do all, with a key of his own for each request.
    pub(crate) fn boss(&self) -> Voice {
        self.house.user_with(&["inventory.admin"], &[("idempotency-key", &Uuid::now_v7().to_string())])
    }

    pub(crate) fn products(&self) -> ProductServiceClient<Voice> {
        ProductServiceClient::new(self.boss())
    }

    pub(crate) fn categories(&self) -> CategoryServiceClient<Voice> {
        CategoryServiceClient::new(self.boss())
    }

    pub(crate) fn stock(&self) -> StockServiceClient<Voice> {
        StockServiceClient::new(self.boss())
    }

    /// As pos speaks.
    pub(crate) fn till(&self) -> ReservationServiceClient<Voice> {
        ReservationServiceClient::new(self.house.service("pos"))
    }

    pub(crate) async fn product(&self, name: &str) -> pb::Product {
        self.create(thing(name)).await.unwrap()
    }

    pub(crate) async fn service(&self, name: &str) -> pb::Product {
        self.create(pb::Product { kind: pb::product::Kind::Service.into(), ..thing(name) }).await.unwrap()
    }

    pub(crate) async fn create(&self, product: pb::Product) -> Result<pb::Product, Status> {
        let answer = self.products().create_product(pb::CreateProductRequest { product: Some(product) }).await?;
        Ok(answer.into_inner().product.unwrap())
    }

    pub(crate) async fn get(&self, product: &pb::Product) -> pb::Product {
        let answer = self.products().get_product(pb::GetProductRequest { id: product.id.clone() }).await.unwrap();
        answer.into_inner().product.unwrap()
    }

    /// A product with so many units at main, each for so much.
    pub(crate) async fn stocked(&self, name: &str, quantity: &str, unit_cost: &str) -> pb::Product {
        let product = self.product(name).await;
        self.receive(&[(&product, quantity, unit_cost)]).await.unwrap();
        product
    }

    pub(crate) async fn receive(&self, lines: &[(&pb::Product, &str, &str)]) -> Result<pb::StockReceipt, Status> {
        let lines = lines.iter().map(|(product, quantity, unit_cost)| pb::StockReceiptLine {
            product_id: product.id.clone(),
            quantity: (*quantity).to_owned(),
            unit_cost: (*unit_cost).to_owned(),
        });
        let request = pb::CreateStockReceiptRequest {
            location_id: self.main.clone(),
            lines: lines.collect(),
            ..pb::CreateStockReceiptRequest::default()
        };
        Ok(self.stock().create_stock_receipt(request).await?.into_inner().receipt.unwrap())
    }

    pub(crate) async fn adjust(
        &self,
        reason: &str,
        lines: &[(&pb::Product, &str)],
    ) -> Result<pb::StockAdjustment, Status> {
        let lines = lines.iter().map(|(product, quantity)| pb::StockAdjustmentLine {
            product_id: product.id.clone(),
            quantity: (*quantity).to_owned(),
        });
        let request = pb::CreateStockAdjustmentRequest {
            location_id: self.main.clone(),
            reason: reason.to_owned(),
            note: None,
            lines: lines.collect(),
        };
        Ok(self.stock().create_stock_adjustment(request).await?.into_inner().adjustment.unwrap())
    }

    /// What lies at main: on hand, reserved, value in cents.
    pub(crate) async fn level(&self, product: &pb::Product) -> (String, String, i64) {
        let level = self.stock_level(product).await;
        (level.on_hand, level.reserved, level.value.unwrap().minor_units)
    }

    pub(crate) async fn stock_level(&self, product: &pb::Product) -> pb::StockLevel {
        let request = pb::ListStockLevelsRequest {
            product_id: Some(product.id.clone()),
            location_id: Some(self.main.clone()),
            ..pb::ListStockLevelsRequest::default()
        };
        self.stock().list_stock_levels(request).await.unwrap().into_inner().data.remove(0)
    }

    pub(crate) async fn moves_of(&self, source: &str) -> Vec<pb::StockMove> {
        let request =
            pb::ListStockMovesRequest { source_id: Some(source.to_owned()), ..pb::ListStockMovesRequest::default() };
        self.stock().list_stock_moves(request).await.unwrap().into_inner().data
    }

    pub(crate) async fn reserve(
        &self,
        sale: &str,
        lines: &[(&pb::Product, &str)],
    ) -> Result<pb::ReserveStockResponse, Status> {
        self.ask(sale, lines, false).await
    }

    pub(crate) async fn ask(
        &self,
        sale: &str,
        lines: &[(&pb::Product, &str)],
        price_only: bool,
    ) -> Result<pb::ReserveStockResponse, Status> {
        self.hold(sale, None, lines, price_only).await
    }

    /// One of several attempts to complete a sale.
    pub(crate) async fn reserve_for(
        &self,
        sale: &str,
        holder: &str,
        lines: &[(&pb::Product, &str)],
    ) -> Result<pb::ReserveStockResponse, Status> {
        self.hold(sale, Some(holder), lines, false).await
    }

    async fn hold(
        &self,
        sale: &str,
        holder: Option<&str>,
        lines: &[(&pb::Product, &str)],
        price_only: bool,
    ) -> Result<pb::ReserveStockResponse, Status> {
        let lines = lines.iter().map(|(product, quantity)| pb::ReserveLine {
            product_id: product.id.clone(),
            quantity: (*quantity).to_owned(),
        });
        let request = pb::ReserveStockRequest {
            location_id: self.main.clone(),
            sale_id: sale.to_owned(),
            lines: lines.collect(),
            price_only,
            holder: holder.map(str::to_owned),
        };
        Ok(self.till().reserve_stock(request).await?.into_inner())
    }

    pub(crate) async fn give_up(&self, sale: &str) {
        let request = pb::VoidReservationRequest { sale_id: sale.to_owned(), holder: None };
        self.till().void_reservation(request).await.unwrap();
    }

    /// One attempt failed.
    pub(crate) async fn give_up_for(&self, sale: &str, holder: &str) {
        let request = pb::VoidReservationRequest { sale_id: sale.to_owned(), holder: Some(holder.to_owned()) };
        self.till().void_reservation(request).await.unwrap();
    }

    pub(crate) async fn reservations(&self, sale: &str) -> Vec<pb::Reservation> {
        let request =
            pb::ListReservationsRequest { source_id: Some(sale.to_owned()), ..pb::ListReservationsRequest::default() };
        let mut client = ReservationServiceClient::new(self.house.user(&["inventory.view"]));
        client.list_reservations(request).await.unwrap().into_inner().data
    }

    /// The states of all reservations of a sale, the oldest first.
    pub(crate) async fn states(&self, sale: &str) -> Vec<pb::reservation::State> {
        self.reservations(sale).await.iter().map(pb::Reservation::state).collect()
    }

    pub(crate) async fn completes(&self, sale: &pos::Sale) -> Result<(), Error> {
        self.house.hears(&pos::SaleCompleted { sale: Some(sale.clone()) }).await
    }

    pub(crate) async fn reverses(&self, sale: &pos::Sale) -> Result<(), Error> {
        let event = pos::SaleVoided { sale: Some(sale.clone()), business_on: "2026-11-21".to_owned() };
        self.house.hears(&event).await
    }

    /// As pos tells it.
    pub(crate) fn sale(&self, id: &str, lines: &[(&pb::Product, &str)]) -> pos::Sale {
        let lines = lines.iter().map(|(product, quantity)| pos::SaleLine {
            product_id: Some(product.id.clone()),
            quantity: (*quantity).to_owned(),
            ..pos::SaleLine::default()
        });
        pos::Sale { id: id.to_owned(), location_id: self.main.clone(), lines: lines.collect(), ..pos::Sale::default() }
    }

    pub(crate) async fn totals(&self) -> pb::GetInventoryTotalsResponse {
        let mut ledger = InventoryControlServiceClient::new(self.house.service("ledger"));
        ledger.get_inventory_totals(pb::GetInventoryTotalsRequest {}).await.unwrap().into_inner()
    }

    /// The value that was told to the ledger so far: what came in less what went out, in cents.
    pub(crate) async fn value_told(&self) -> i64 {
        let value = |money: &Option<Money>| money.unwrap().minor_units;
        let came: i64 = self.house.events::<pb::StockReceived>().await.iter().map(|event| value(&event.value)).sum();
        let set: i64 = self.house.events::<pb::StockAdjusted>().await.iter().map(|event| value(&event.value)).sum();
        let went: i64 = self.house.events::<pb::StockIssued>().await.iter().map(|event| value(&event.value)).sum();
        let back: i64 = self.house.events::<pb::StockReturned>().await.iter().map(|event| value(&event.value)).sum();
        came + set - went + back
    }

    /// Nothing in the books contradicts anything else.
    pub(crate) async fn adds_up(&self) {
        let wrong: Vec<String> =
            sqlx::query_scalar(CONTRADICTIONS).fetch_all(&mut self.house.sql().await).await.unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(
            self.totals().await.value.unwrap().minor_units,
            self.value_told().await,
            "what was told is what is there"
        );
    }
}

/// Levels against their moves and promises; each move against the one before.
const CONTRADICTIONS: &str = "
select 'level ' || l.id || ': ' || l.on_hand || ' worth ' || l.value || ', moves say ' || m.quantity || ' worth ' || m.value
  from stock_level l,
       lateral (select coalesce(sum(quantity), 0) as quantity, coalesce(sum(value), 0) as value
                  from stock_move m
                 where m.product_id = l.product_id and m.location_id = l.location_id) m
 where (l.on_hand, l.value) is distinct from (m.quantity, m.value)
union all
select 'level ' || l.id || ': ' || l.reserved || ' reserved, promises say ' || r.quantity
  from stock_level l,
       lateral (select coalesce(sum(quantity), 0) as quantity
                  from reservation r
                  join reservation_line on reservation_id = r.id
                 where r.state in ('pending', 'confirmed') and r.location_id = l.location_id
                   and reservation_line.product_id = l.product_id) r
 where l.reserved <> r.quantity
union all
select 'move ' || id || ' does not follow the one before'
  from (select id, quantity, value, on_hand_after, value_after,
               lag(on_hand_after, 1, 0) over w as on_hand, lag(value_after, 1, 0) over w as was_worth
          from stock_move
        window w as (partition by product_id, location_id order by id)) m
 where (on_hand + quantity, was_worth + value) is distinct from (on_hand_after, value_after)";

pub(crate) fn thing(name: &str) -> pb::Product {
    pb::Product {
        sku: format!("SKU-{name}"),
        name: name.to_owned(),
        kind: pb::product::Kind::Stock.into(),
        tax_category: "goods".to_owned(),
        price: Some(Money { minor_units: 19_900 }),
        ..pb::Product::default()
    }
}

pub(crate) fn id() -> String {
    Uuid::now_v7().to_string()
}

/// Why a call was refused.
pub(crate) fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

/// The fields that a refusal blames.
pub(crate) fn blamed(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}
