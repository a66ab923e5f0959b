//! O1 and O5: the books balance, and the drawers, tenders, shelves and reservations say what the books say.

use sqlx::PgConnection;

use super::Check;
use crate::failure::Result;

/// Each query answers one line per thing that is wrong.
const CHECKS: [(&str, &str, &str); 12] = [
    (
        "O1",
        "the debits of each entry are its credits",
        "
select format('entry %s: %s debit, %s credit', journal_entry_id, sum(debit), sum(credit))
  from ledger.journal_line
 group by journal_entry_id
having sum(debit) <> sum(credit)",
    ),
    (
        "O1",
        "all debits are all credits",
        "
select format('%s debit, %s credit', sum(debit), sum(credit))
  from ledger.journal_line
having sum(debit) <> sum(credit)",
    ),
    (
        "O5",
        "stock is the sum of its moves, and so is its value",
        "
select format('product %s at %s: %s on hand, moves say %s; value %s, moves say %s', product_id, location_id,
              l.on_hand, m.quantity, l.value, m.value)
  from inventory.stock_level l
  full join (select product_id, location_id, sum(quantity) as quantity, sum(value) as value
               from inventory.stock_move
              group by product_id, location_id) m using (product_id, location_id)
 where coalesce(l.on_hand, 0) <> coalesce(m.quantity, 0) or coalesce(l.value, 0) <> coalesce(m.value, 0)",
    ),
    (
        "O5",
        "nothing lies below zero",
        "
select format('product %s at %s: %s on hand, %s reserved', product_id, location_id, on_hand, reserved)
  from inventory.stock_level
 where on_hand < 0 or reserved < 0 or reserved > on_hand or value < 0",
    ),
    (
        "O5",
        "what is reserved is the sum of live reservations",
        "
select format('product %s at %s: %s reserved, reservations say %s', product_id, location_id, l.reserved, r.quantity)
  from inventory.stock_level l
  full join (select rl.product_id, r.location_id, sum(rl.quantity) as quantity
               from inventory.reservation r
               join inventory.reservation_line rl on rl.reservation_id = r.id
              where r.state in ('pending', 'confirmed')
              group by rl.product_id, r.location_id) r using (product_id, location_id)
 where coalesce(l.reserved, 0) <> coalesce(r.quantity, 0)",
    ),
    (
        "O5",
        "a completed sale took its goods from the shelf, exactly",
        "
with sold as (
    select s.id as sale_id, l.product_id, sum(l.quantity) as quantity
      from pos.sale s
      join pos.sale_line l on l.sale_id = s.id
      join inventory.product p on p.id = l.product_id and p.kind = 'stock'
     where s.completed_at is not null
     group by s.id, l.product_id
), moved as (
    select source_id as sale_id, product_id, -sum(quantity) as quantity
      from inventory.stock_move
     where source_kind = 'sale' and kind = 'sale'
     group by source_id, product_id
)
select format('sale %s, product %s: %s sold, %s moved', sale_id, product_id, sold.quantity, moved.quantity)
  from sold full join moved using (sale_id, product_id)
 where sold.quantity is distinct from moved.quantity",
    ),
    (
        "O5",
        "a voided sale's goods came back, exactly",
        "
with sold as (
    select s.id as sale_id, l.product_id, sum(l.quantity) as quantity
      from pos.sale s
      join pos.sale_line l on l.sale_id = s.id
      join inventory.product p on p.id = l.product_id and p.kind = 'stock'
     where s.completed_at is not null and s.voided_at is not null
     group by s.id, l.product_id
), moved as (
    select source_id as sale_id, product_id, sum(quantity) as quantity
      from inventory.stock_move
     where source_kind = 'sale' and kind = 'return'
     group by source_id, product_id
)
select format('sale %s, product %s: %s voided, %s came back', sale_id, product_id, sold.quantity, moved.quantity)
  from sold full join moved using (sale_id, product_id)
 where sold.quantity is distinct from moved.quantity",
    ),
    (
        "O1",
        "each completed sale is booked once with its total",
        "
select format('sale %s: total %s, booked %s times', s.id, s.total, count(e.id))
  from pos.sale s
  left join ledger.journal_entry e on e.source_id = s.id and e.event_kind = 'pos.sale.completed'
 where s.completed_at is not null and s.total <> 0
 group by s.id
having count(e.id) <> 1",
    ),
    (
        "O1",
        "the tenders of a completed sale pay it",
        "
select format('sale %s: paid %s, tenders %s; cash kept %s, tenders %s', s.id, s.paid, t.paid, s.cash_kept, t.cash)
  from pos.sale s
  join (select sale_id, sum(amount - change) as paid, sum(amount - change) filter (where kind = 'cash') as cash
          from pos.tender
         group by sale_id) t on t.sale_id = s.id
 where s.completed_at is not null and (s.paid <> t.paid or s.cash_kept <> coalesce(t.cash, 0))",
    ),
    (
        "O1",
        "the cash in open drawers is what the books say",
        "
with drawers as (
    select coalesce(sum(d.opening_float
             + (select coalesce(sum(cash_kept), 0) from pos.sale where drawer_session_id = d.id)
             - (select coalesce(sum(cash_kept), 0) from pos.sale where void_session_id = d.id)), 0) as cash
      from pos.drawer_session d
     where d.state = 'open'
), books as (
    select coalesce(sum(l.debit - l.credit), 0) as cash
      from ledger.journal_line l
      join ledger.ledger_account a on a.id = l.ledger_account_id and a.code = '1010'
)
select format('drawers %s, books %s', drawers.cash, books.cash) from drawers, books where drawers.cash <> books.cash",
    ),
    (
        "O1",
        "the card tenders are what the books say",
        "
with tenders as (
    select coalesce(sum(t.amount), 0) as card
      from pos.tender t
      join pos.sale s on s.id = t.sale_id and s.state = 'completed'
     where t.kind = 'card'
), books as (
    select coalesce(sum(l.debit - l.credit), 0) as card
      from ledger.journal_line l
      join ledger.ledger_account a on a.id = l.ledger_account_id and a.code = '1050'
)
select format('tenders %s, books %s', tenders.card, books.card) from tenders, books where tenders.card <> books.card",
    ),
    (
        "O5",
        "the value of the stock is what the books say",
        "
with shelves as (
    select coalesce(sum(value), 0) as value from inventory.stock_level
), books as (
    select coalesce(sum(l.debit - l.credit), 0) as value
      from ledger.journal_line l
      join ledger.ledger_account a on a.id = l.ledger_account_id and a.code = '1300'
)
select format('shelves %s, books %s', shelves.value, books.value) from shelves, books
 where shelves.value <> books.value",
    ),
];

pub(super) async fn check(db: &mut PgConnection) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for (name, sentence, sql) in CHECKS {
        let wrong = sqlx::query_scalar(sql).fetch_all(&mut *db).await?;
        checks.push(Check::new(name, sentence, wrong));
    }
    Ok(checks)
}
