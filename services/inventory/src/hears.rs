//! What others tell, and what it means for the stock.

use kit::{Heard, Tx};
use proto::Event;
use proto::identity::v1::{LocationChanged, ShopChanged};
use proto::pos::v1::{Sale, SaleCompleted, SaleVoided};
use types::{Violation, Violations};

use crate::Error;
use crate::product::ProductId;
use crate::quantity::Quantity;
use crate::reservation::sale::{self, Sold};
use crate::stock::{Line, LocationId, SaleId};

pub(crate) async fn hear(tx: &mut Tx, heard: &Heard) -> Result<(), Error> {
    match heard.kind.as_str() {
        ShopChanged::KIND => Ok(shop::hear_shop(tx, &heard.decode()?).await?),
        LocationChanged::KIND => Ok(shop::hear_location(tx, &heard.decode()?).await?),
        SaleCompleted::KIND => {
            let event: SaleCompleted = heard.decode()?;
            let at = event.sale.as_ref().and_then(|sale| sale.completed_at);
            sale::completed(tx, &sold(event.sale, at.unwrap_or_else(|| proto::timestamp(heard.occurred_at)))?).await
        }
        SaleVoided::KIND => {
            let event: SaleVoided = heard.decode()?;
            let at = event.sale.as_ref().and_then(|sale| sale.voided_at);
            sale::reversed(tx, &sold(event.sale, at.unwrap_or_else(|| proto::timestamp(heard.occurred_at)))?).await
        }
        _ => Ok(()),
    }
}

/// The products of a sale; open items are none.
fn sold(sale: Option<Sale>, at: prost_types::Timestamp) -> Result<Sold, Error> {
    let sale = sale.ok_or_else(|| Violation::new("sale", "is required"))?;
    let mut wrong = Violations::default();
    let mut lines = Vec::with_capacity(sale.lines.len());
    for (index, line) in sale.lines.iter().enumerate() {
        let Some(product) = line.product_id.as_deref().filter(|id| !id.is_empty()) else { continue };
        let product = wrong.take(ProductId::parse(&format!("lines[{index}].product_id"), product));
        let quantity = wrong.take(Quantity::parse_positive(&format!("lines[{index}].quantity"), &line.quantity));
        if let (Some(product), Some(quantity)) = (product, quantity) {
            lines.push(Line { index, product, quantity });
        }
    }
    wrong.into_result()?;
    Ok(Sold {
        sale: SaleId::parse("sale.id", &sale.id)?,
        location: LocationId::parse("sale.location_id", &sale.location_id)?,
        lines,
        at,
    })
}
