//! Sales: what is sold, to whom, and how it is paid.

pub(crate) mod line;
pub(crate) mod rpc;
pub(crate) mod store;
pub(crate) mod till;
pub(crate) mod wire;

use chrono::{DateTime, Utc};
use types::{Date, Decimal, Money};
use uuid::Uuid;

pub use self::line::{Discount, Line, LineDraft};
use crate::drawer::{RegisterId, SessionId};
use crate::error::Error;
use crate::tender::Tender;

types::ids! {
    /// A sale; the till makes it, so that a lost answer can be asked for again.
    SaleId,
}

/// Goods and services for money.
#[derive(Clone, Debug)]
pub struct Sale {
    pub id: SaleId,
    pub number: Option<String>,
    pub state: State,
    pub location_id: Uuid,
    pub register_id: RegisterId,
    pub drawer_session_id: Option<SessionId>,
    pub customer: Customer,
    pub lines: Vec<Line>,
    pub discount: Option<Discount>,
    pub taxes: Vec<Tax>,
    pub tenders: Vec<Tender>,
    pub totals: Totals,
    pub business_on: Option<Date>,
    pub receipt: Option<crate::receipt::Head>,
    pub created_by: Uuid,
    pub void: Option<Void>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub completed_at: Option<DateTime<Utc>>,
}

/// Where a sale is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Draft,
    Completed,
    Voided,
}

/// Who buys; a walk-in is nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    pub account_id: Option<Uuid>,
    pub account_name: Option<String>,
    pub member_id: Option<Uuid>,
}

/// What a sale comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub net: Money,
    pub tax: Money,
    pub total: Money,
    pub cash_rounding: Money,
    pub paid: Money,
    pub change: Money,
    /// Cash that stays in the drawer: tendered in cash less change.
    pub cash_kept: Money,
}

/// One tax over the whole sale.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tax {
    pub name: String,
    /// Percent.
    pub rate: Decimal,
    #[serde(with = "crate::sale::minor")]
    pub base: Money,
    #[serde(with = "crate::sale::minor")]
    pub amount: Money,
}

/// How a sale ended early, or was reversed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Void {
    pub by: Uuid,
    pub reason: String,
    pub at: DateTime<Utc>,
    /// The drawer that paid the money back; none for a draft.
    pub session: Option<SessionId>,
}

impl Sale {
    /// The sale while it may still change.
    ///
    /// # Errors
    /// When it is completed or voided.
    pub fn draft(self) -> Result<Self, Error> {
        match self.state {
            State::Draft => Ok(self),
            State::Completed => Err(Error::SaleCompleted),
            State::Voided => Err(Error::SaleVoided),
        }
    }

    /// Gives up a draft, or reverses what was completed; `session` is the drawer that is open on its register.
    ///
    /// # Errors
    /// When it is voided already, or a completed sale finds no open drawer.
    pub fn void(self, by: Uuid, reason: &str, at: DateTime<Utc>, session: Option<SessionId>) -> Result<Self, Error> {
        let session = match self.state {
            State::Draft => None,
            State::Completed => Some(session.ok_or(Error::DrawerNotOpen)?),
            State::Voided => return Err(Error::SaleVoided),
        };
        let void = Void { by, reason: reason.to_owned(), at, session };
        Ok(Self { state: State::Voided, void: Some(void), ..self })
    }
}

/// Money as its minor units in stored JSON.
pub(crate) mod minor {
    use serde::{Deserialize, Deserializer, Serializer};
    use types::Money;

    pub(crate) fn serialize<S: Serializer>(money: &Money, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(money.minor_units())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        i64::deserialize(deserializer).map(Money::minor)
    }
}
