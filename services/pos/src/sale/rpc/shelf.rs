//! Asking inventory: what products are and cost, and holding their stock for a sale.

use kit::Caller;
use kit::client::{Peer, Refused};
use proto::inventory::v1 as inventory;
use proto::inventory::v1::reservation_service_client::ReservationServiceClient;
use types::{Money, Violations};
use uuid::Uuid;

use crate::error::Error;
use crate::sale::wire::Asked;
use crate::sale::{LineDraft, SaleId};

/// Inventory, as a till knows it.
#[derive(Clone)]
pub(crate) struct Shelf {
    inventory: Option<Peer>,
}

/// Whether stock is held, or only prices are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Stock,
    Nothing,
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
    ) -> Result<Vec<LineDraft>, Error> {
        let wanted: Vec<(Uuid, String)> = asked
            .iter()
            .filter_map(|line| line.product_id.map(|id| (id, line.quantity.normalize().to_string())))
            .collect();
        let priced = self.reserve(caller, sale, location, &wanted, hold).await?;
        let may_override = caller.may("pos.admin");
        let mut priced = priced.into_iter();
        let mut lines = Vec::with_capacity(asked.len());
        let mut out = Violations::default();
        for (i, line) in asked.into_iter().enumerate() {
            let product = if line.product_id.is_some() { priced.next() } else { None };
            if line.product_id.is_some() && product.is_none() {
                out.add(format!("lines[{i}].product_id"), "is not a product");
                continue;
            }
            lines.push(draft(line, product, may_override)?);
        }
        out.into_result()?;
        Ok(lines)
    }

    /// Holds the stock of a draft's lines; their prices stay as they were rung up.
    ///
    /// # Errors
    /// What inventory refuses, such as OUT_OF_STOCK.
    pub(crate) async fn hold(
        &self,
        caller: &Caller,
        sale: SaleId,
        location: Uuid,
        wanted: &[(Uuid, String)],
    ) -> Result<(), Error> {
        self.reserve(caller, sale, location, wanted, Hold::Stock).await.map(drop)
    }

    async fn reserve(
        &self,
        caller: &Caller,
        sale: SaleId,
        location: Uuid,
        wanted: &[(Uuid, String)],
        hold: Hold,
    ) -> Result<Vec<inventory::PricedProduct>, Error> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let peer = self.inventory.as_ref().ok_or(Error::InventoryAway)?;
        let lines = wanted
            .iter()
            .map(|(id, quantity)| inventory::ReserveLine { product_id: id.to_string(), quantity: quantity.clone() });
        let message = inventory::ReserveStockRequest {
            location_id: location.to_string(),
            sale_id: sale.to_string(),
            lines: lines.collect(),
            price_only: hold == Hold::Nothing,
        };
        let request = peer.request(Some(caller), message)?;
        match ReservationServiceClient::new(peer.channel()).reserve_stock(request).await {
            Ok(answer) => Ok(answer.into_inner().products),
            Err(status) => {
                let refused = Refused::from(status);
                if refused.is_absence() { Err(Error::InventoryAway) } else { Err(refused.into()) }
            }
        }
    }

    /// Gives back what a sale held.
    pub(crate) async fn give_back(&self, caller: &Caller, sale: SaleId) {
        let Some(peer) = &self.inventory else { return };
        let message = inventory::VoidReservationRequest { sale_id: sale.to_string() };
        if let Ok(request) = peer.request(Some(caller), message)
            && let Err(status) = ReservationServiceClient::new(peer.channel()).void_reservation(request).await
        {
            tracing::info!(sale.id = %sale, code = ?status.code(), "the stock of a refused sale waits for inventory's sweep");
        }
    }
}

fn draft(line: Asked, product: Option<inventory::PricedProduct>, may_override: bool) -> Result<LineDraft, Error> {
    let Some(product) = product else {
        return Ok(LineDraft {
            product_id: None,
            sku: None,
            description: line.description.unwrap_or_default(),
            quantity: line.quantity,
            unit_price: line.unit_price.unwrap_or_default(),
            tax_category: line.tax_category.unwrap_or_default(),
            discount: line.discount,
        });
    };
    let price = product.price.map(Money::from).unwrap_or_default();
    let unit_price = line.unit_price.unwrap_or(price);
    if unit_price != price && !may_override {
        return Err(Error::PriceOverrideForbidden);
    }
    Ok(LineDraft {
        product_id: line.product_id,
        sku: Some(product.sku),
        description: line.description.unwrap_or(product.name),
        quantity: line.quantity,
        unit_price,
        tax_category: product.tax_category,
        discount: line.discount,
    })
}
