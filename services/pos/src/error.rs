//! Why pos says no.

use kit::client::Refused;
use kit::{Class, Fault, NotApproved, Refusal};
use types::{Violation, Violations};

use crate::drawer::{RegisterId, SessionId};
use crate::sale::SaleId;

/// Every refusal of pos; the variant's name is the reason on the wire.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Error {
    #[error("no register {id}")]
    RegisterNotFound { id: RegisterId, field: Option<&'static str> },
    #[error("a register of that name stands at this location already")]
    RegisterNameTaken,
    #[error("the register was changed meanwhile; read it again")]
    RegisterChanged,
    #[error("the location is not known")]
    LocationUnknown,
    #[error("no drawer session {0}")]
    SessionNotFound(SessionId),
    #[error("the drawer of this register is open already")]
    DrawerAlreadyOpen,
    #[error("open the drawer of this register first")]
    DrawerNotOpen,
    #[error("this drawer session is closed already")]
    SessionClosed,
    #[error("the drawer session was changed meanwhile; read it again")]
    SessionChanged,
    #[error("no sale {0}")]
    SaleNotFound(SaleId),
    #[error("a sale with the id {0} exists already")]
    SaleExists(SaleId),
    #[error("the sale was changed meanwhile; read it again")]
    SaleChanged,
    #[error("this sale is completed; void it instead")]
    SaleCompleted,
    #[error("this sale is voided")]
    SaleVoided,
    #[error("only a completed sale has a receipt")]
    SaleNotCompleted,
    #[error("a sale needs at least one line")]
    SaleEmpty,
    #[error("a sale has at most 200 lines")]
    TooManyLines,
    #[error("this sale has no line {0}")]
    LineNotFound(uuid::Uuid),
    #[error("the account is not known or not active")]
    AccountUnknown,
    #[error("the member is not known or not on this account")]
    MemberUnknown,
    /// In units of the currency.
    #[error("{missing} is still to be paid")]
    TenderTooLittle { missing: types::Decimal },
    #[error("only cash gives change: a card pays no more than is due")]
    CardOverpays { tender: usize },
    #[error("another price than the product's needs the permission pos.admin")]
    PriceOverrideForbidden { fields: Vec<String> },
    #[error(transparent)]
    NotApproved(#[from] NotApproved),
    #[error("inventory cannot be asked right now; nothing was sold, try again")]
    InventoryAway,
    #[error(transparent)]
    Invalid(#[from] Violations),
    #[error(transparent)]
    Field(#[from] Violation),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Refusal for Error {
    fn class(&self) -> Class {
        match self {
            Self::RegisterNotFound { .. }
            | Self::SessionNotFound(_)
            | Self::SaleNotFound(_)
            | Self::LineNotFound(_) => Class::NotFound,
            Self::RegisterNameTaken | Self::SaleExists(_) => Class::Exists,
            Self::RegisterChanged | Self::SessionChanged | Self::SaleChanged => Class::Stale,
            Self::LocationUnknown
            | Self::DrawerAlreadyOpen
            | Self::DrawerNotOpen
            | Self::SessionClosed
            | Self::SaleCompleted
            | Self::SaleVoided
            | Self::SaleNotCompleted
            | Self::SaleEmpty
            | Self::TooManyLines
            | Self::AccountUnknown
            | Self::MemberUnknown
            | Self::TenderTooLittle { .. }
            | Self::CardOverpays { .. } => Class::Conflict,
            Self::PriceOverrideForbidden { .. } => Class::Forbidden,
            Self::NotApproved(refused) => refused.class(),
            Self::InventoryAway => Class::Unavailable,
            Self::Invalid(_) | Self::Field(_) => Class::Invalid,
            Self::Refused(refused) => refused.class(),
            Self::Fault(_) => Class::Fault,
            Self::Db(error) => Class::of_database(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Field(_) => "INVALID",
            Self::NotApproved(refused) => refused.reason(),
            other => other.into(),
        }
    }

    fn violations(&self) -> Option<Violations> {
        match self {
            Self::Invalid(violations) => Some(violations.clone()),
            Self::Field(violation) => Some(violation.clone().into()),
            _ => self.blamed(),
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        matches!(self, Self::InventoryAway).then_some(std::time::Duration::from_secs(1))
    }

    fn passed_on(&self) -> Option<kit::client::Answer> {
        match self {
            Self::Refused(refused) => refused.passed_on(),
            _ => None,
        }
    }
}

impl Error {
    /// The same of a register that a field of the body names.
    pub(crate) fn of_field(self, field: &'static str) -> Self {
        match self {
            Self::RegisterNotFound { id, .. } => Self::RegisterNotFound { id, field: Some(field) },
            other => other,
        }
    }

    /// The fields of a request that is right in itself, but not now.
    fn blamed(&self) -> Option<Violations> {
        let fields = match self {
            Self::RegisterNotFound { field, .. } => vec![(*field)?.to_owned()],
            Self::AccountUnknown => vec!["account_id".to_owned()],
            Self::MemberUnknown => vec!["member_id".to_owned()],
            Self::SaleExists(_) => vec!["id".to_owned()],
            Self::TenderTooLittle { .. } => vec!["tenders".to_owned()],
            Self::CardOverpays { tender } => vec![format!("tenders[{tender}].amount")],
            Self::PriceOverrideForbidden { fields } => fields.clone(),
            _ => return None,
        };
        let mut out = Violations::default();
        for field in fields {
            out.add(field, self.to_string());
        }
        Some(out)
    }
}

/// Whether the refusal is certain to have written nothing, so that what was reserved can be given back.
pub(crate) fn is_certain(error: &Error) -> bool {
    matches!(error.class(), Class::Invalid | Class::Conflict | Class::NotFound | Class::Forbidden)
}
