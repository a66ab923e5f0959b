//! Asking inventory: what products are and cost, and holding their stock for a sale.

use kit::Caller;
use kit::client::{Peer, Refused};
use proto::inventory::v1 as inventory;
use proto::inventory::v1::reservation_service_client::ReservationServiceClient;
use types::{Decimal, Money, Violations};
use uuid::Uuid;

use super::blame;
use crate::error::Error;
use crate::sale::wire::Asked;
use crate::sale::{Line, LineDraft, Sale, SaleId};

/// Inventory, as a till knows it.
#[derive(Clone)]
pub(crate) struct Shelf {
    inventory: Option<Peer>,
}

/// Whether stock is held, or only prices are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// For this attempt to complete the sale. Two attempts share what the sale holds, and each lets go for itself: the one
    /// that fails must not free what the other sells.
    Stock(Uuid),
    Nothing,
}

/// What a line is called where it came from, by its place.
pub(crate) type Name = fn(usize) -> String;

pub(crate) fn of_sale(i: usize) -> String {
    format!("lines[{i}]")
}

/// Where a request has one line.
pub(crate) fn of_line(_: usize) -> String {
    "line".to_owned()
}

/// A product that must be on the shelf.
struct Wanted {
    name: String,
    product: Uuid,
    quantity: String,
}

impl Wanted {
    fn new(name: String, product: Uuid, quantity: Decimal) -> Self {
        Self { name, product, quantity: quantity.normalize().to_string() }
    }
}

impl Shelf {
    pub(crate) fn new(inventory: Option<Peer>) -> Self {
        Self { inventory }
    }

    /// The lines with what their products say. Another price than the product's needs `pos.admin`.
    ///
    /// # Errors
    /// What inventory refuses, such as OUT_OF_STOCK; a violation for an unknown product.
    pub(crate) async fn ring(
        &self,
        caller: &Caller,
        sale: SaleId,
        location: Uuid,
        asked: Vec<Asked>,
        hold: Hold,
        name: Name,
    ) -> Result<Vec<LineDraft>, Error> {
        let product = |(i, line): (usize, &Asked)| Some(Wanted::new(name(i), line.product_id?, line.quantity));
        let wanted: Vec<Wanted> = asked.iter().enumerate().filter_map(product).collect();
        let priced = self.reserve(caller, sale, location, &wanted, hold).await?;
        let may_override = caller.may("pos.admin");
        let mut priced = priced.into_iter();
        let mut lines = Vec::with_capacity(asked.len());
        let mut out = Violations::default();
        let mut overridden = Vec::new();
        for (i, line) in asked.into_iter().enumerate() {
            let product = if line.product_id.is_some() { priced.next() } else { None };
            if line.product_id.is_some() && product.is_none() {
                out.add(format!("{}.product_id", name(i)), "is not a product");
                continue;
            }
            let draft = draft(line, product);
            if draft.overridden().is_some() && !may_override {
                overridden.push(format!("{}.unit_price", name(i)));
            }
            lines.push(draft);
        }
        out.into_result()?;
        if !overridden.is_empty() {
            return Err(Error::PriceOverrideForbidden { fields: overridden });
        }
        Ok(lines)
    }

    /// Holds the stock of a draft's lines; their prices stay as they were rung up.
    ///
    /// # Errors
    /// What inventory refuses, such as OUT_OF_STOCK.
    pub(crate) async fn hold(&self, caller: &Caller, sale: &Sale, attempt: Uuid) -> Result<(), Error> {
        let product =
            |(i, line): (usize, &Line)| Some(Wanted::new(of_sale(i), line.draft.product_id?, line.draft.quantity));
        let wanted: Vec<Wanted> = sale.lines.iter().enumerate().filter_map(product).collect();
        self.reserve(caller, sale.id, sale.location_id, &wanted, Hold::Stock(attempt)).await.map(drop)
    }

    async fn reserve(
        &self,
        caller: &Caller,
        sale: SaleId,
        location: Uuid,
        wanted: &[Wanted],
        hold: Hold,
    ) -> Result<Vec<inventory::PricedProduct>, Error> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let peer = self.inventory.as_ref().ok_or(Error::InventoryAway)?;
        let lines = wanted.iter().map(|line| inventory::ReserveLine {
            product_id: line.product.to_string(),
            quantity: line.quantity.clone(),
        });
        let message = inventory::ReserveStockRequest {
            location_id: location.to_string(),
            sale_id: sale.to_string(),
            lines: lines.collect(),
            price_only: hold == Hold::Nothing,
            holder: if let Hold::Stock(attempt) = hold { Some(attempt.to_string()) } else { None },
        };
        let request = peer.request(Some(caller), message)?;
        match ReservationServiceClient::new(peer.channel()).reserve_stock(request).await {
            Ok(answer) => Ok(answer.into_inner().products),
            Err(status) => {
                let names: Vec<String> = wanted.iter().map(|line| line.name.clone()).collect();
                let refused = Refused::from(blame::renamed(status, &names));
                if refused.is_absence() { Err(Error::InventoryAway) } else { Err(refused.into()) }
            }
        }
    }

    /// Gives back what an attempt held, unless another one still needs it.
    pub(crate) async fn give_back(&self, caller: &Caller, sale: SaleId, attempt: Uuid) {
        let Some(peer) = &self.inventory else { return };
        let message =
            inventory::VoidReservationRequest { sale_id: sale.to_string(), holder: Some(attempt.to_string()) };
        if let Ok(request) = peer.request(Some(caller), message)
            && let Err(status) = ReservationServiceClient::new(peer.channel()).void_reservation(request).await
        {
            tracing::info!(sale.id = %sale, code = ?status.code(), "the stock of a refused sale waits for inventory's sweep");
        }
    }
}

fn draft(line: Asked, product: Option<inventory::PricedProduct>) -> LineDraft {
    let Some(product) = product else {
        return LineDraft {
            product_id: None,
            sku: None,
            description: line.description.unwrap_or_default(),
            quantity: line.quantity,
            unit_price: line.unit_price.unwrap_or_default(),
            list_price: None,
            tax_category: line.tax_category.unwrap_or_default(),
            discount: line.discount,
        };
    };
    let price = product.price.map(Money::from).unwrap_or_default();
    LineDraft {
        product_id: line.product_id,
        sku: Some(product.sku),
        description: line.description.unwrap_or(product.name),
        quantity: line.quantity,
        unit_price: line.unit_price.unwrap_or(price),
        list_price: Some(price),
        tax_category: product.tax_category,
        discount: line.discount,
    }
}
