//! Why inventory says no.

use types::{Violation, Violations};

use kit::{Class, Fault, Refusal};

use crate::category::CategoryId;
use crate::product::ProductId;
use crate::reservation::ReservationId;

/// The refusals of this service; the variant's name is the reason on the wire.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Error {
    #[error("no product {0}")]
    ProductNotFound(ProductId),
    #[error("no category {0}")]
    CategoryNotFound(CategoryId),
    #[error("no reservation {0}")]
    ReservationNotFound(ReservationId),
    #[error("the SKU {0} is already in use")]
    SkuTaken(String),
    #[error("the barcode {0} is already in use")]
    BarcodeTaken(String),
    #[error("the product was changed meanwhile; read it again")]
    ProductChanged,
    #[error("the category was changed meanwhile; read it again")]
    CategoryChanged,
    #[error("a category cannot lie below itself")]
    CategoryCycle,
    #[error("the categories would lie too deep or their names become too long")]
    CategoryTooDeep { field: &'static str },
    #[error("{0}")]
    CategoryUnknown(Blame),
    #[error("{0}")]
    ProductUnknown(Blame),
    #[error("{0}")]
    ProductDiscontinued(Blame),
    #[error("{0}")]
    ProductNotStocked(Blame),
    #[error("{label} is on sale already")]
    ProductActive { label: String },
    #[error("{quantity} of {label} are still in stock; sell or adjust them first")]
    StockRemains { label: String, quantity: String },
    #[error("{0}")]
    LocationUnknown(Blame),
    #[error("{0}")]
    OutOfStock(Blame),
    #[error("{0}")]
    StockReserved(Blame),
    #[error("{0}")]
    StockTooLarge(Blame),
    #[error("the sale has another reservation; void it before reserving other lines")]
    ReservationDiffers,
    #[error("the sale was voided; nothing can be reserved for it")]
    SaleVoided,
    /// Two things that happened to one sale are being booked at once; the later one tries again.
    #[error("the sale is being booked right now; try again")]
    SaleBusy,
    #[error("{0}")]
    Invalid(#[from] Violations),
    #[error("{0}")]
    Field(#[from] Violation),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// A sentence for the clerk, and the fields it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blame {
    sentence: String,
    fields: Violations,
}

impl Blame {
    /// One field, or line, and what is wrong with it.
    pub fn on(field: impl Into<String>, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        Self { fields: Violation::new(field, sentence.clone()).into(), sentence }
    }

    /// The product of a line of the request.
    pub fn on_line(index: usize, sentence: impl Into<String>) -> Self {
        Self::on(format!("lines[{index}].product_id"), sentence)
    }

    /// Several at once; none when nothing is wrong.
    pub fn on_all(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(|mut whole, next| {
            whole.sentence = format!("{}; {}", whole.sentence, next.sentence);
            next.fields.iter().for_each(|field| whole.fields.add(field.field.clone(), field.message.clone()));
            whole
        })
    }
}

impl std::fmt::Display for Blame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl Refusal for Error {
    fn class(&self) -> Class {
        match self {
            Self::ProductNotFound(_) | Self::CategoryNotFound(_) | Self::ReservationNotFound(_) => Class::NotFound,
            Self::SkuTaken(_) | Self::BarcodeTaken(_) => Class::Exists,
            Self::ProductChanged | Self::CategoryChanged | Self::SaleBusy => Class::Stale,
            Self::CategoryUnknown(_)
            | Self::ProductUnknown(_)
            | Self::ProductNotStocked(_)
            | Self::Invalid(_)
            | Self::Field(_) => Class::Invalid,
            Self::CategoryCycle
            | Self::CategoryTooDeep { .. }
            | Self::ProductDiscontinued(_)
            | Self::ProductActive { .. }
            | Self::StockRemains { .. }
            | Self::LocationUnknown(_)
            | Self::OutOfStock(_)
            | Self::StockReserved(_)
            | Self::StockTooLarge(_)
            | Self::ReservationDiffers
            | Self::SaleVoided => Class::Conflict,
            Self::Fault(_) => Class::Fault,
            Self::Db(error) => Class::of_database(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Field(_) => "INVALID",
            other => other.into(),
        }
    }

    fn violations(&self) -> Option<Violations> {
        match self {
            Self::Invalid(violations) => Some(violations.clone()),
            Self::Field(violation) => Some(violation.clone().into()),
            Self::SkuTaken(_) => Some(Violation::new("product.sku", "is already in use").into()),
            Self::BarcodeTaken(_) => Some(Violation::new("product.barcode", "is already in use").into()),
            Self::CategoryCycle => Some(Violation::new("category.parent_id", "must not lie below itself").into()),
            Self::CategoryTooDeep { field } => Some(Violation::new(*field, self.to_string()).into()),
            Self::CategoryUnknown(blame)
            | Self::ProductUnknown(blame)
            | Self::ProductDiscontinued(blame)
            | Self::ProductNotStocked(blame)
            | Self::LocationUnknown(blame)
            | Self::OutOfStock(blame)
            | Self::StockReserved(blame)
            | Self::StockTooLarge(blame) => Some(blame.fields.clone()),
            _ => None,
        }
    }
}
