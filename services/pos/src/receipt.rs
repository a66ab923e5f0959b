//! Receipts: what was true when the sale was completed, and a page to print.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use types::Money;

use crate::sale::line::Off;
use crate::sale::{Discount, Sale};
use crate::tender::Kind;

/// What a receipt says beside the sale; stored with it, never recomputed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub shop_name: String,
    pub location_name: String,
    pub register_name: String,
    pub currency: String,
    pub currency_digits: u32,
    pub cashier: String,
    pub footer: Option<String>,
    /// Local time at the location.
    pub printed_time: String,
    /// The certificate by which no tax was charged.
    #[serde(default)]
    pub tax_exemption: Option<String>,
}

/// The receipt as a page for an 80 mm printer; everything a person wrote is escaped.
pub fn page(sale: &Sale, head: &Head) -> String {
    let amount = |money: Money| money.to_decimal(head.currency_digits).to_string();
    let mut rows = String::new();
    for line in &sale.lines {
        let draft = &line.draft;
        row(&mut rows, &draft.description, &amount(line.gross));
        let list = draft.overridden().map(|price| format!(" instead of {}", amount(price))).unwrap_or_default();
        small(&mut rows, &format!("{} × {}{list}", draft.quantity.normalize(), amount(draft.unit_price)));
        if let Some(discount) = &draft.discount {
            small(&mut rows, &less(discount, amount));
        }
    }
    if let Some(discount) = &sale.discount {
        small(&mut rows, &format!("Whole sale {}", less(discount, amount)));
    }
    let mut sums = String::new();
    row(&mut sums, "Net", &amount(sale.totals.net));
    for tax in &sale.taxes {
        row(&mut sums, &format!("{} {} %", tax.name, tax.rate.normalize()), &amount(tax.amount));
    }
    let _ = write!(
        sums,
        "<tr class=\"total\"><td>Total {}</td><td>{}</td></tr>",
        escape(&head.currency),
        amount(sale.totals.total)
    );
    if !sale.totals.cash_rounding.is_zero() {
        row(&mut sums, "Cash rounding", &amount(sale.totals.cash_rounding));
    }
    for tender in &sale.tenders {
        let name = match tender.kind {
            Kind::Cash => "Cash".to_owned(),
            Kind::Card => format!("Card {}", tender.reference.as_deref().unwrap_or_default()),
        };
        row(&mut sums, &name, &amount(tender.amount));
    }
    if sale.totals.change.is_positive() {
        row(&mut sums, "Change", &amount(sale.totals.change));
    }
    let voided = if sale.void.is_some() { "<p class=\"total\">VOIDED</p>" } else { "" };
    if let Some(certificate) = &head.tax_exemption {
        row(&mut sums, "Tax exempt, certificate", certificate);
    }
    let customer = sale.customer.account_name.as_deref().unwrap_or("Walk-in");
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Receipt {number}</title><style>\
         body{{font:13px/1.4 monospace;width:72mm;margin:4mm auto}}h1{{font-size:16px;text-align:center;margin:0}}\
         p{{margin:.4em 0;text-align:center}}table{{width:100%;border-collapse:collapse}}td:last-child{{text-align:right}}\
         .small td{{text-align:left;color:#555}}.total td,.total{{font-weight:bold;border-top:1px solid #000}}</style></head>\
         <body><h1>{shop}</h1><p>{location} · {register}<br>{time}<br>No. {number} · {cashier}<br>{customer}</p>{voided}\
         <table>{rows}</table><table>{sums}</table><p>{footer}</p></body></html>",
        number = escape(sale.number.as_deref().unwrap_or_default()),
        shop = escape(&head.shop_name),
        location = escape(&head.location_name),
        register = escape(&head.register_name),
        time = escape(&head.printed_time),
        cashier = escape(&head.cashier),
        customer = escape(customer),
        footer = escape(head.footer.as_deref().unwrap_or_default()),
    )
}

fn row(rows: &mut String, name: &str, amount: &str) {
    let _ = write!(rows, "<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(amount));
}

fn small(rows: &mut String, text: &str) {
    let _ = write!(rows, "<tr class=\"small\"><td colspan=\"2\">{}</td></tr>", escape(text));
}

/// A discount and its reason; it is in the amounts already.
fn less(discount: &Discount, amount: impl Fn(Money) -> String) -> String {
    let off = match discount.off {
        Off::Percent(percent) => format!("{} %", percent.normalize()),
        Off::Amount(money) => amount(money),
    };
    let reason = discount.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("less {off}{reason}")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
