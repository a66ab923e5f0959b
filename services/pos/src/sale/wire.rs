//! Sales to and from messages.

use kit::etag;
use proto::pos::v1 as pb;
use types::{Decimal, Money, Violation, Violations, parse_decimal};
use uuid::Uuid;

use super::line::Off;
use super::{Discount, Line, Sale, State, Tax};
use crate::tender::{Kind, Tender};

/// A line as a client asks for it; what it does not say comes from the product.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) product_id: Option<Uuid>,
    pub(crate) quantity: Decimal,
    pub(crate) unit_price: Option<Money>,
    pub(crate) description: Option<String>,
    pub(crate) tax_category: Option<String>,
    pub(crate) discount: Option<Discount>,
}

pub(crate) fn lines(inputs: &[pb::SaleLineInput]) -> Result<Vec<Asked>, Violations> {
    let mut out = Violations::default();
    let asked = inputs.iter().enumerate().map(|(i, input)| line(&format!("lines[{i}]"), input, &mut out)).collect();
    out.into_result()?;
    Ok(asked)
}

pub(crate) fn line(at: &str, input: &pb::SaleLineInput, out: &mut Violations) -> Asked {
    let product = input.product_id.as_deref().filter(|id| !id.is_empty());
    let product_id = product.and_then(|id| out.take(types::id::parse_uuid(&format!("{at}.product_id"), id)));
    let quantity = out.take(quantity(&format!("{at}.quantity"), &input.quantity)).unwrap_or_default();
    let price = |money: proto::common::v1::Money| {
        Money::parse_positive_or_zero(&format!("{at}.unit_price"), Some(money.into()))
    };
    let unit_price = input.unit_price.and_then(|money| out.take(price(money)));
    let discount = input.discount.as_ref().and_then(|d| discount(&format!("{at}.discount"), d, out));
    if product.is_some() && input.tax_category.is_some() {
        out.add(format!("{at}.tax_category"), "is the product's; leave it out");
    }
    if product.is_none() {
        for (name, missing) in [
            ("unit_price", input.unit_price.is_none()),
            ("description", input.description.is_none()),
            ("tax_category", input.tax_category.is_none()),
        ] {
            if missing {
                out.add(format!("{at}.{name}"), "is required for a line without a product");
            }
        }
    }
    Asked {
        product_id,
        quantity,
        unit_price,
        description: input.description.clone(),
        tax_category: input.tax_category.clone(),
        discount,
    }
}

fn quantity(field: &str, text: &str) -> Result<Decimal, Violation> {
    let quantity = parse_decimal(field, text, 4)?;
    if quantity <= Decimal::ZERO {
        return Err(Violation::new(field, "must be more than nothing"));
    }
    if quantity > Decimal::from(1_000_000) {
        return Err(Violation::new(field, "is too large"));
    }
    Ok(quantity)
}

/// A discount; one that says nothing is none.
pub(crate) fn discount(at: &str, input: &pb::Discount, out: &mut Violations) -> Option<Discount> {
    let reason = input.reason.clone().filter(|reason| !reason.is_empty());
    let off = match (&input.percent, &input.amount) {
        (Some(_), Some(_)) => {
            out.add(at, "must be a percentage or an amount, not both");
            return None;
        }
        (None, None) => return None,
        (Some(text), None) => {
            let percent = out.take(parse_decimal(&format!("{at}.percent"), text, 6))?;
            if percent < Decimal::ZERO || percent > Decimal::ONE_HUNDRED {
                out.add(format!("{at}.percent"), "must be between 0 and 100");
            }
            Off::Percent(percent)
        }
        (None, Some(money)) => {
            Off::Amount(out.take(Money::parse_positive_or_zero(&format!("{at}.amount"), Some((*money).into())))?)
        }
    };
    Some(Discount { off, reason })
}

pub(crate) fn tenders(inputs: &[pb::TenderInput]) -> Result<Vec<Tender>, Violations> {
    let mut out = Violations::default();
    let mut tenders = Vec::with_capacity(inputs.len());
    for (i, input) in inputs.iter().enumerate() {
        let at = format!("tenders[{i}]");
        let amount = Money::parse_positive_or_zero(&format!("{at}.amount"), input.amount.map(Into::into));
        let Some(amount) = out.take(amount) else { continue };
        if amount.is_zero() {
            out.add(format!("{at}.amount"), "must be more than nothing");
        }
        let kind = if input.kind == i32::from(pb::tender::Kind::Card) { Kind::Card } else { Kind::Cash };
        if kind == Kind::Card && input.reference.is_none() {
            out.add(format!("{at}.reference"), "is required for a card: the terminal's receipt number");
        }
        let reference = input.reference.clone();
        tenders.push(Tender { id: Uuid::now_v7(), kind, amount, change: Money::ZERO, reference });
    }
    out.into_result()?;
    Ok(tenders)
}

impl From<Sale> for pb::Sale {
    fn from(sale: Sale) -> Self {
        let id = |id: Uuid| id.to_string();
        let state = match sale.state {
            State::Draft => pb::sale::State::Draft,
            State::Completed => pb::sale::State::Completed,
            State::Voided => pb::sale::State::Voided,
        };
        Self {
            id: sale.id.to_string(),
            number: sale.number,
            state: state.into(),
            location_id: id(sale.location_id),
            register_id: sale.register_id.to_string(),
            drawer_session_id: sale.drawer_session_id.map(|id| id.to_string()),
            account_id: sale.customer.account_id.map(id),
            account_name: sale.customer.account_name,
            member_id: sale.customer.member_id.map(id),
            lines: sale.lines.into_iter().map(Into::into).collect(),
            discount: sale.discount.map(Into::into),
            taxes: sale.taxes.into_iter().map(Into::into).collect(),
            tenders: sale.tenders.into_iter().map(Into::into).collect(),
            net: Some(sale.totals.net.into()),
            tax: Some(sale.totals.tax.into()),
            total: Some(sale.totals.total.into()),
            cash_rounding: Some(sale.totals.cash_rounding.into()),
            paid: Some(sale.totals.paid.into()),
            change: Some(sale.totals.change.into()),
            business_on: sale.business_on.map(|day| day.to_string()),
            created_by: id(sale.created_by),
            voided_by: sale.void.as_ref().map(|void| id(void.by)),
            void_reason: sale.void.as_ref().map(|void| void.reason.clone()),
            void_session_id: sale.void.as_ref().and_then(|void| void.session).map(|id| id.to_string()),
            created_at: Some(proto::timestamp(sale.created_at)),
            completed_at: sale.completed_at.map(proto::timestamp),
            voided_at: sale.void.as_ref().map(|void| proto::timestamp(void.at)),
            etag: etag(sale.version),
        }
    }
}

impl From<Line> for pb::SaleLine {
    fn from(line: Line) -> Self {
        let Line { id, draft, net, tax, gross } = line;
        Self {
            id: id.to_string(),
            product_id: draft.product_id.map(|id| id.to_string()),
            sku: draft.sku,
            description: draft.description,
            quantity: draft.quantity.normalize().to_string(),
            unit_price: Some(draft.unit_price.into()),
            list_price: draft.list_price.map(Into::into),
            tax_category: draft.tax_category,
            discount: draft.discount.map(Into::into),
            net: Some(net.into()),
            tax: Some(tax.into()),
            gross: Some(gross.into()),
        }
    }
}

impl From<Discount> for pb::Discount {
    fn from(discount: Discount) -> Self {
        let (percent, amount) = match discount.off {
            Off::Percent(percent) => (Some(percent.normalize().to_string()), None),
            Off::Amount(amount) => (None, Some(amount.into())),
        };
        Self { percent, amount, reason: discount.reason }
    }
}

impl From<Tax> for pb::SaleTax {
    fn from(tax: Tax) -> Self {
        Self {
            name: tax.name,
            rate: tax.rate.normalize().to_string(),
            base: Some(tax.base.into()),
            amount: Some(tax.amount.into()),
        }
    }
}

impl From<Tender> for pb::Tender {
    fn from(tender: Tender) -> Self {
        let kind = match tender.kind {
            Kind::Cash => pb::tender::Kind::Cash,
            Kind::Card => pb::tender::Kind::Card,
        };
        Self {
            id: tender.id.to_string(),
            kind: kind.into(),
            amount: Some(tender.amount.into()),
            change: Some(tender.change.into()),
            reference: tender.reference,
        }
    }
}
