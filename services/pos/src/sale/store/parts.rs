//! The parts of a sale as columns.

use db::{Conn, OnConstraint};
use types::{Decimal, Money};

use crate::error::Error;
use crate::sale::line::{Line, Off};
use crate::sale::{Discount, Sale, SaleId};
use crate::tender::{Kind, Tender};

pub(super) fn percent(discount: Option<&Discount>) -> Option<Decimal> {
    discount.and_then(|discount| if let Off::Percent(percent) = discount.off { Some(percent) } else { None })
}

pub(super) fn amount(discount: Option<&Discount>) -> Option<i64> {
    discount.and_then(|discount| if let Off::Amount(amount) = discount.off { Some(amount.minor_units()) } else { None })
}

pub(super) fn reason(discount: Option<&Discount>) -> Option<String> {
    discount.and_then(|discount| discount.reason.clone())
}

/// Lines as columns, for one statement however many there are.
pub(super) struct Parts<'a>(&'a [Line]);

impl<'a> Parts<'a> {
    pub(super) fn of(sale: &'a Sale) -> Self {
        Self(&sale.lines)
    }

    fn column<T>(&self, get: impl Fn(&Line) -> T) -> Vec<T> {
        self.0.iter().map(get).collect()
    }

    pub(super) async fn insert_lines(&self, tx: &mut Conn, sale: SaleId) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "insert into sale_line (id, sale_id, position, product_id, sku, description, quantity, unit_price, tax_category,
                                    discount_percent, discount_amount, discount_reason, net, tax, gross, list_price)
             select id, $1, position, product_id, sku, description, quantity, unit_price, tax_category, discount_percent,
                    discount_amount, discount_reason, net, tax, gross, list_price
               from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::numeric[], $7::bigint[], $8::text[],
                           $9::numeric[], $10::bigint[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[],
                           $15::bigint[])
               with ordinality as t (id, product_id, sku, description, quantity, unit_price, tax_category, discount_percent,
                                     discount_amount, discount_reason, net, tax, gross, list_price, position)",
        )
        .bind(sale)
        .bind(self.column(|line| line.id))
        .bind(self.column(|line| line.draft.product_id))
        .bind(self.column(|line| line.draft.sku.clone()))
        .bind(self.column(|line| line.draft.description.clone()))
        .bind(self.column(|line| line.draft.quantity))
        .bind(self.column(|line| line.draft.unit_price.minor_units()))
        .bind(self.column(|line| line.draft.tax_category.clone()))
        .bind(self.column(|line| percent(line.draft.discount.as_ref())))
        .bind(self.column(|line| amount(line.draft.discount.as_ref())))
        .bind(self.column(|line| reason(line.draft.discount.as_ref())))
        .bind(self.column(|line| line.net.minor_units()))
        .bind(self.column(|line| line.tax.minor_units()))
        .bind(self.column(|line| line.gross.minor_units()))
        .bind(self.column(|line| line.draft.list_price.map(Money::minor_units)))
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// Stores the tenders of a sale.
pub(super) async fn insert_tenders(tx: &mut Conn, sale: &Sale) -> Result<(), Error> {
    if sale.tenders.is_empty() {
        return Ok(());
    }
    let tenders = &sale.tenders;
    let kind = |tender: &Tender| if tender.kind == Kind::Card { "card" } else { "cash" }.to_owned();
    sqlx::query(
        "insert into tender (id, sale_id, position, kind, amount, change, reference)
         select id, $1, position, kind, amount, change, reference
           from unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::text[])
           with ordinality as t (id, kind, amount, change, reference, position)",
    )
    .bind(sale.id)
    .bind(tenders.iter().map(|tender| tender.id).collect::<Vec<_>>())
    .bind(tenders.iter().map(kind).collect::<Vec<_>>())
    .bind(tenders.iter().map(|tender| tender.amount.minor_units()).collect::<Vec<_>>())
    .bind(tenders.iter().map(|tender| tender.change.minor_units()).collect::<Vec<_>>())
    .bind(tenders.iter().map(|tender| tender.reference.clone()).collect::<Vec<_>>())
    .execute(tx)
    .await
    .on_constraint("tender_sale_id_fkey", || Error::SaleNotFound(sale.id))?;
    Ok(())
}
