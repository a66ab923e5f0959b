//! Tax arithmetic on the wire: decimals in, decimals with exactly the currency's digits out.

use async_trait::async_trait;
use kit::{Reply, check, refuse};
use proto::ledger::v1 as pb;
use proto::ledger::v1::compute_tax_request::Rounding as PbRounding;
use proto::ledger::v1::tax_service_server::TaxService;
use tax::{
    Amount, Discount, Document, DocumentDiscount, Line, LineTotals, Rounding, Rule, TaxAmount, Totals, cash_round,
    compute,
};
use tonic::{Request, Response};
use types::{Decimal, Violation, Violations, parse_decimal};

use super::{
    CURRENCY_DIGITS, DECIMALS_MAX, Inquiry, LineFields, NEGATIVE_DISCOUNT, ROUNDING, blame, is_return, name,
    only_returns,
};
use crate::Error;

pub(crate) struct Rpc;

#[async_trait]
impl TaxService for Rpc {
    async fn compute_tax(&self, request: Request<pb::ComputeTaxRequest>) -> Reply<pb::ComputeTaxResponse> {
        let (_caller, message) = check(&request)?;
        let answer = answer(message).map_err(|violations| refuse("ledger", &Error::from(violations)))?;
        Ok(Response::new(answer))
    }
}

fn answer(message: &pb::ComputeTaxRequest) -> Result<pb::ComputeTaxResponse, Violations> {
    let inquiry = inquiry(message)?;
    let totals = compute(&inquiry.document).map_err(|error| blame(&inquiry, error))?;
    let (total, digits) = (totals.total, inquiry.document.digits);
    let mut answer = shown_totals(totals);
    if let Some(increment) = inquiry.cash_rounding {
        let cash = cash_round(total, increment);
        answer.cash_total = Some(shown(cash, digits));
        answer.cash_difference = Some(shown(cash - total, digits));
    }
    Ok(answer)
}

fn inquiry(message: &pb::ComputeTaxRequest) -> Result<Inquiry, Violations> {
    let mut out = Violations::default();
    let digits = message.currency_digits.map_or(CURRENCY_DIGITS, i32::unsigned_abs);
    let cash_rounding = optional("cash_rounding", &message.cash_rounding, digits, &mut out);
    if cash_rounding.is_some_and(|increment| increment <= Decimal::ZERO) {
        out.add("cash_rounding", "must be more than 0");
    }
    let shared = rules("taxes", &message.taxes, &mut out);
    let mut lines = Vec::with_capacity(message.lines.len());
    let mut line_fields = Vec::with_capacity(message.lines.len());
    for (index, input) in message.lines.iter().enumerate() {
        let at = format!("lines[{index}]");
        let own = rules(&format!("{at}.taxes"), &input.taxes, &mut out);
        let is_exempt = input.exempt.unwrap_or_default();
        if is_exempt && !input.taxes.is_empty() {
            out.add(format!("{at}.taxes"), "cannot be given on an exempt line");
        }
        let line = Line {
            quantity: optional(&format!("{at}.quantity"), &input.quantity, DECIMALS_MAX, &mut out)
                .unwrap_or(Decimal::ONE),
            unit_price: decimal(&format!("{at}.unit_price"), &input.unit_price, DECIMALS_MAX, &mut out),
            discount: line_discount(&at, input, &mut out),
            rules: if input.taxes.is_empty() && !is_exempt { shared.clone() } else { own },
        };
        if let Discount::Amount(amount) = line.discount
            && amount < Decimal::ZERO
            && !is_return(&line)
        {
            out.add(format!("{at}.discount_amount"), NEGATIVE_DISCOUNT);
        }
        lines.push(line);
        let discount = if input.discount_percent.is_some() { "discount_percent" } else { "discount_amount" };
        line_fields.push(LineFields {
            discount: format!("{at}.{discount}"),
            taxes: if input.taxes.is_empty() { "taxes".to_owned() } else { format!("{at}.taxes") },
        });
    }
    let (mut discount, discount_field) = document_discount(message, &mut out);
    if let Some(DocumentDiscount::Net(amount) | DocumentDiscount::Gross(amount)) = &mut discount
        && *amount < Decimal::ZERO
    {
        if !only_returns(&lines) {
            out.add(discount_field, NEGATIVE_DISCOUNT);
        }
        // A tax per unit can make something that is free a sale: without its sign the discount stays one.
        *amount = amount.abs();
    }
    out.into_result()?;
    let rounding = match message.rounding() {
        PbRounding::Unspecified => ROUNDING,
        PbRounding::Line => Rounding::Line,
        PbRounding::Document => Rounding::Document,
    };
    let document = Document { digits, rounding, lines, discount };
    Ok(Inquiry { document, cash_rounding, discount_field, line_fields })
}

/// The discount, and the field that brought it.
fn document_discount(
    message: &pb::ComputeTaxRequest,
    out: &mut Violations,
) -> (Option<DocumentDiscount>, &'static str) {
    let given = [
        optional("discount_net", &message.discount_net, DECIMALS_MAX, out)
            .map(|amount| (DocumentDiscount::Net(amount), "discount_net", "discountNet")),
        optional("discount_gross", &message.discount_gross, DECIMALS_MAX, out)
            .map(|amount| (DocumentDiscount::Gross(amount), "discount_gross", "discountGross")),
        percent("discount_percent", &message.discount_percent, out)
            .map(|percent| (DocumentDiscount::Percent(percent), "discount_percent", "discountPercent")),
    ];
    let mut given = given.into_iter().flatten();
    // Sentences name fields as callers write them.
    let Some((discount, field, shown)) = given.next() else { return (None, "discount_net") };
    if let Some((_, second, _)) = given.next() {
        out.add(second, format!("cannot be given together with {shown}"));
    }
    (Some(discount), field)
}

fn line_discount(at: &str, input: &pb::TaxLineInput, out: &mut Violations) -> Discount {
    let percent = percent(&format!("{at}.discount_percent"), &input.discount_percent, out);
    let amount = optional(&format!("{at}.discount_amount"), &input.discount_amount, DECIMALS_MAX, out);
    match (percent, amount) {
        (None, None) => Discount::None,
        (Some(percent), None) => Discount::Percent(percent),
        (None, Some(amount)) => Discount::Amount(amount),
        (Some(_), Some(_)) => {
            out.add(format!("{at}.discount_amount"), "cannot be given together with discountPercent");
            Discount::None
        }
    }
}

fn rules(at: &str, rules: &[pb::TaxRule], out: &mut Violations) -> Vec<Rule> {
    let rule = |(index, rule): (usize, &pb::TaxRule)| {
        let at = format!("{at}[{index}]");
        let percent = optional(&format!("{at}.percent"), &rule.percent, DECIMALS_MAX, out);
        let fixed = optional(&format!("{at}.fixed"), &rule.fixed, DECIMALS_MAX, out);
        let amount = match (&rule.percent, &rule.fixed) {
            (Some(_), Some(_)) => {
                out.add(format!("{at}.fixed"), "cannot be given together with percent");
                None
            }
            (None, None) => {
                out.add(format!("{at}.percent"), "is required, or fixed");
                None
            }
            (Some(_), None) => percent.map(Amount::Percent),
            (None, Some(_)) => fixed.map(Amount::Fixed),
        }?;
        let named = rule.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        Some(Rule {
            name: named.map_or_else(|| name(amount), str::to_owned),
            amount,
            included: rule.included,
            order: rule.order,
            compounds: rule.compounds,
            compounded: !rule.ignores_earlier,
        })
    };
    rules.iter().enumerate().filter_map(rule).collect()
}

/// The number in a field; zero when it is noted why there is none.
fn decimal(field: &str, text: &str, places: u32, out: &mut Violations) -> Decimal {
    out.take(parse_decimal(field, text, places)).unwrap_or_default()
}

fn optional(field: &str, text: &Option<String>, places: u32, out: &mut Violations) -> Option<Decimal> {
    out.take(text.as_deref().map(|text| parse_decimal(field, text, places)).transpose()).flatten()
}

fn percent(field: &str, text: &Option<String>, out: &mut Violations) -> Option<Decimal> {
    let percent = optional(field, text, DECIMALS_MAX, out)?;
    if percent < Decimal::ZERO || percent > Decimal::ONE_HUNDRED {
        out.take::<()>(Err(Violation::new(field, "must be between 0 and 100")));
    }
    Some(percent)
}

fn shown(amount: Decimal, digits: u32) -> String {
    tax::round_half_up(amount, digits).to_string()
}

/// The numbers of libs/tax show exactly the currency's digits.
fn shown_totals(totals: Totals) -> pb::ComputeTaxResponse {
    let Totals { lines, taxes, net, tax, total } = totals;
    pb::ComputeTaxResponse {
        lines: lines.into_iter().map(shown_line).collect(),
        taxes: taxes.into_iter().map(shown_tax).collect(),
        net: net.to_string(),
        tax: tax.to_string(),
        total: total.to_string(),
        cash_total: None,
        cash_difference: None,
    }
}

fn shown_line(line: LineTotals) -> pb::ComputedLine {
    pb::ComputedLine {
        net: line.net.to_string(),
        tax: line.tax.to_string(),
        gross: line.gross.to_string(),
        taxes: line.taxes.into_iter().map(shown_tax).collect(),
    }
}

fn shown_tax(tax: TaxAmount) -> pb::ComputedTax {
    pb::ComputedTax { name: tax.name, base: tax.base.to_string(), amount: tax.amount.to_string() }
}
