//! Registers, and the time a drawer is open.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};
use types::{Date, Money};
use uuid::Uuid;

use crate::error::Error;

types::ids! {
    /// A till.
    RegisterId,
    /// The time between opening a drawer and counting it.
    SessionId,
}

/// A till at a location.
#[derive(Clone, Debug)]
pub struct Register {
    pub id: RegisterId,
    pub location_id: Uuid,
    pub name: String,
    pub open_session_id: Option<SessionId>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A drawer from its opening to its count.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: SessionId,
    pub register_id: RegisterId,
    pub location_id: Uuid,
    pub opening_float: Money,
    /// Float, plus cash kept, less cash paid back.
    pub expected_cash: Money,
    pub closing: Option<Closing>,
    pub sale_count: i32,
    pub opened_by: Uuid,
    pub note: Option<String>,
    pub business_on: Date,
    pub version: i64,
    pub opened_at: DateTime<Utc>,
}

/// What was found at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    pub counted: Money,
    pub by: Uuid,
    pub at: DateTime<Utc>,
}

impl Session {
    /// Closes the drawer with any count; the difference to what was expected is booked.
    ///
    /// # Errors
    /// When it is closed already.
    pub fn close(self, counted: Money, note: Option<String>, by: Uuid, at: DateTime<Utc>) -> Result<Self, Error> {
        if self.closing.is_some() {
            return Err(Error::SessionClosed);
        }
        Ok(Self { closing: Some(Closing { counted, by, at }), note: note.or(self.note), ..self })
    }

    /// Counted less expected: positive is over, negative is short.
    pub fn over_short(&self) -> Option<Money> {
        self.closing.as_ref().map(|closing| closing.counted - self.expected_cash)
    }
}
