//! What a sale becomes: reckoned, paid, numbered.

use chrono::{DateTime, Utc};
use types::Violations;
use uuid::Uuid;

use super::line::{Off, Rate, Reckoning, reckon};
use super::{Customer, Discount, LineDraft, Sale, SaleId, State, Totals};
use crate::drawer::{RegisterId, SessionId};
use crate::error::Error;
use crate::receipt::Head;
use crate::tender::{Coins, Tender, settle};

/// The most lines of a sale.
pub(crate) const LINES_MAX: usize = 200;

/// A sale as it begins.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) id: SaleId,
    pub(crate) location_id: Uuid,
    pub(crate) register_id: RegisterId,
    pub(crate) customer: Customer,
    pub(crate) discount: Option<Discount>,
    pub(crate) by: Uuid,
    pub(crate) at: DateTime<Utc>,
}

/// What is needed to complete a sale.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) tenders: Vec<Tender>,
    pub(crate) coins: Coins,
    pub(crate) session: Option<SessionId>,
    pub(crate) number: String,
    pub(crate) business_on: types::Date,
    pub(crate) head: Head,
    pub(crate) at: DateTime<Utc>,
}

impl Sale {
    /// A draft without effect.
    pub(crate) fn begin(opening: Opening) -> Self {
        Self {
            id: opening.id,
            number: None,
            state: State::Draft,
            location_id: opening.location_id,
            register_id: opening.register_id,
            drawer_session_id: None,
            customer: opening.customer,
            lines: Vec::new(),
            discount: opening.discount,
            taxes: Vec::new(),
            tenders: Vec::new(),
            totals: Totals::default(),
            business_on: None,
            receipt: None,
            created_by: opening.by,
            void: None,
            version: 1,
            created_at: opening.at,
            completed_at: None,
        }
    }

    /// The draft with these lines, reckoned anew.
    ///
    /// # Errors
    /// When there are too many, or they cannot be reckoned.
    pub(crate) fn with_lines(
        self,
        lines: Vec<(Uuid, LineDraft)>,
        rates: &[Rate],
        how: Reckoning,
    ) -> Result<Self, Error> {
        if lines.len() > LINES_MAX {
            return Err(Error::TooManyLines);
        }
        let reckoned = reckon(lines, self.discount.as_ref(), rates, how)?;
        Ok(Self { lines: reckoned.lines, taxes: reckoned.taxes, totals: reckoned.totals, ..self })
    }

    /// The lines as they were rung up.
    pub(crate) fn drafts(&self) -> Vec<(Uuid, LineDraft)> {
        self.lines.iter().map(|line| (line.id, line.draft.clone())).collect()
    }

    /// Pays a draft; it is then a completed sale.
    ///
    /// # Errors
    /// When it has no lines, no drawer is open, or the tenders do not settle it.
    pub(crate) fn pay(self, payment: Payment) -> Result<Self, Error> {
        let sale = self.draft()?;
        if sale.lines.is_empty() {
            return Err(Error::SaleEmpty);
        }
        let session = payment.session.ok_or(Error::DrawerNotOpen)?;
        let (totals, tenders) = settle(sale.totals, payment.tenders, payment.coins)?;
        Ok(Self {
            state: State::Completed,
            number: Some(payment.number),
            drawer_session_id: Some(session),
            tenders,
            totals,
            business_on: Some(payment.business_on),
            receipt: Some(payment.head),
            completed_at: Some(payment.at),
            ..sale
        })
    }
}

/// What an audit record keeps of a sale.
pub(crate) fn summary(sale: &Sale) -> serde_json::Value {
    let discounted = sale.lines.iter().filter(|line| line.draft.discount.is_some()).count();
    let overrides = sale.lines.iter().filter_map(|line| Some((&line.draft, line.draft.overridden()?)));
    let overrides = overrides.map(|(draft, list_price)| {
        serde_json::json!({
            "sku": draft.sku,
            "list_price": list_price.minor_units(),
            "unit_price": draft.unit_price.minor_units(),
        })
    });
    serde_json::json!({
        "state": format!("{:?}", sale.state).to_lowercase(),
        "number": sale.number,
        "lines": sale.lines.len(),
        "discounted_lines": discounted,
        "discount": sale.discount.as_ref().map(|discount| match discount.off {
            Off::Percent(percent) => serde_json::json!({ "percent": percent.normalize(), "reason": discount.reason }),
            Off::Amount(amount) => serde_json::json!({ "amount": amount.minor_units(), "reason": discount.reason }),
        }),
        "price_overrides": overrides.collect::<Vec<_>>(),
        "total": sale.totals.total.minor_units(),
        "paid": sale.totals.paid.minor_units(),
        "account_id": sale.customer.account_id,
        "void_reason": sale.void.as_ref().map(|void| void.reason.clone()),
    })
}

/// A member without an account cannot be sold to.
///
/// # Errors
/// A violation of `member_id`.
pub(crate) fn check_customer(customer: &Customer) -> Result<(), Violations> {
    let mut out = Violations::default();
    if customer.member_id.is_some() && customer.account_id.is_none() {
        out.add("member_id", "needs the account it is on");
    }
    out.into_result()
}
