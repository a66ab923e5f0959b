//! The chart of accounts: where money and value are booked.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::{DateTime, Utc};

types::ids! {
    /// An account of the chart.
    LedgerAccountId
}

/// The codes that posting rules book to.
pub(crate) mod code {
    pub(crate) const SAFE: &str = "1000";
    pub(crate) const DRAWERS: &str = "1010";
    pub(crate) const CARD_CLEARING: &str = "1050";
    pub(crate) const INVENTORY: &str = "1300";
    pub(crate) const GOODS_RECEIVED: &str = "2050";
    pub(crate) const SALES_TAX: &str = "2100";
    pub(crate) const EQUITY: &str = "3000";
    pub(crate) const GOODS: &str = "4000";
    pub(crate) const SERVICES: &str = "4100";
    pub(crate) const COST_OF_GOODS: &str = "5000";
    pub(crate) const SHRINK: &str = "5100";
    pub(crate) const OVER_SHORT: &str = "5900";
    pub(crate) const CASH_ROUNDING: &str = "5950";
}

#[derive(Clone, Debug)]
pub(crate) struct LedgerAccount {
    pub(crate) id: LedgerAccountId,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// What it must agree with.
    pub(crate) control_of: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Kind {
    Asset,
    Liability,
    Equity,
    Revenue,
    Expense,
}
