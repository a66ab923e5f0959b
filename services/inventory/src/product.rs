//! Products: what the shop sells.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use types::Money;

use crate::Error;
use crate::category::CategoryId;
use crate::error::Blame;
use crate::quantity::Quantity;

types::ids! {
    /// A product.
    ProductId,
}

/// A thing, or a service, with a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    pub id: ProductId,
    pub sku: String,
    pub barcode: Option<String>,
    pub name: String,
    pub description: Option<String>,
    pub category_id: Option<CategoryId>,
    pub kind: Kind,
    pub tax_category: String,
    /// Of one unit.
    pub price: Money,
    pub state: State,
    /// At all locations.
    pub quantity_on_hand: Quantity,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Whether it lies on a shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    Stock,
    Service,
}

/// Where it is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum State {
    Active,
    Discontinued,
}

impl Product {
    /// Takes the product out of sale. Its stock must be gone first, or it could never be sold.
    ///
    /// # Errors
    /// When stock remains, or it is out of sale already.
    pub fn discontinue(self) -> Result<Self, Error> {
        if self.state == State::Discontinued {
            return Err(Error::ProductDiscontinued(Blame::on(
                "id",
                format!("{} is out of sale already", self.label()),
            )));
        }
        if !self.quantity_on_hand.is_zero() {
            return Err(Error::StockRemains { label: self.label(), quantity: self.quantity_on_hand.to_string() });
        }
        Ok(Self { state: State::Discontinued, ..self })
    }

    /// Puts the product back on sale, as when goods of it came back.
    ///
    /// # Errors
    /// When it is on sale.
    pub fn restore(self) -> Result<Self, Error> {
        match self.state {
            State::Discontinued => Ok(Self { state: State::Active, ..self }),
            State::Active => Err(Error::ProductActive { label: self.label() }),
        }
    }

    /// How a clerk knows it.
    pub fn label(&self) -> String {
        label(&self.name, &self.sku)
    }

    /// What a user can change, for the audit.
    pub fn record(&self) -> Value {
        let (kind, state): (&str, &str) = (self.kind.into(), self.state.into());
        json!({
            "sku": self.sku,
            "barcode": self.barcode,
            "name": self.name,
            "description": self.description,
            "category_id": self.category_id.map(|id| id.to_string()),
            "kind": kind,
            "tax_category": self.tax_category,
            "price": self.price.minor_units(),
            "state": state,
        })
    }
}

/// How a clerk knows a product.
pub fn label(name: &str, sku: &str) -> String {
    format!("{name} ({sku})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violin(on_hand: Quantity) -> Product {
        Product {
            id: ProductId::new(),
            sku: "VLN-1".to_owned(),
            barcode: None,
            name: "Violin".to_owned(),
            description: None,
            category_id: None,
            kind: Kind::Stock,
            tax_category: "goods".to_owned(),
            price: Money::minor(19_900),
            state: State::Active,
            quantity_on_hand: on_hand,
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_product_leaves_the_catalogue_after_its_stock() {
        assert!(matches!(violin(Quantity::units(1)).discontinue(), Err(Error::StockRemains { .. })));
        let gone = violin(Quantity::ZERO).discontinue().unwrap();
        assert_eq!(gone.state, State::Discontinued);
        assert!(matches!(gone.discontinue(), Err(Error::ProductDiscontinued(_))));
    }
}
