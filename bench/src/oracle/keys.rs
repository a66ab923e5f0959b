//! O2 and O3: what the witness wrote down against what the database holds.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Tally;
use crate::failure::Result;
use crate::order::tenthousandths;
use crate::witness::Known;

/// A sale as the database has it.
#[derive(sqlx::FromRow)]
struct Found {
    id: Uuid,
    /// Plain, with the currency's digits.
    total: String,
    number: Option<String>,
    completed: bool,
    /// Journal entries of the sale, and of its goods.
    booked: i64,
    issued: i64,
    claims: i64,
}

const SALES: &str = "
select s.id,
       (s.total / power(10::numeric, c.digits))::numeric(20, 6)::text as total,
       s.number,
       s.completed_at is not null as completed,
       (select count(*) from ledger.journal_entry e
         where e.source_id = s.id and e.event_kind = 'pos.sale.completed') as booked,
       (select count(*) from ledger.journal_entry e
         where e.source_id = s.id and e.event_kind = 'inventory.stock.issued') as issued,
       (select count(*) from pos.idempotency i where i.key = 'bench-' || s.id::text) as claims
  from pos.sale s, (select currency_digits as digits from pos.shop_copy) c
 where s.id = any($1)";

/// Ten-thousandths that left the shelf for each product of each sale.
const MOVES: &str = "
select source_id, product_id, (-sum(quantity) * 10000)::bigint
  from inventory.stock_move
 where source_kind = 'sale' and kind = 'sale' and source_id = any($1)
 group by source_id, product_id";

/// Sales that nobody asked for.
const UNKNOWN: &str = "
select id from pos.sale where created_at >= $2 and completed_at is not null and id <> all($1)";

pub(super) async fn tally(
    db: &mut PgConnection,
    known: &BTreeMap<String, Known>,
    since: DateTime<Utc>,
) -> Result<Tally> {
    let ids = known.values().map(|known| known.sale).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    let found: Vec<Found> = sqlx::query_as(SALES).bind(&ids).fetch_all(&mut *db).await?;
    let found = found.into_iter().map(|sale| (sale.id, sale)).collect::<BTreeMap<_, _>>();
    let mut moves = BTreeMap::<Uuid, BTreeMap<Uuid, i64>>::new();
    let moved: Vec<(Uuid, Uuid, i64)> = sqlx::query_as(MOVES).bind(&ids).fetch_all(&mut *db).await?;
    for (sale, product, quantity) in moved {
        moves.entry(sale).or_default().insert(product, quantity);
    }
    let unknown: Vec<Uuid> = sqlx::query_scalar(UNKNOWN).bind(&ids).bind(since).fetch_all(&mut *db).await?;
    let mut tally = compare(known, &found, &moves);
    tally.doubled.extend(unknown.iter().map(|id| format!("sale {id} was not asked for")));
    Ok(tally)
}

fn compare(
    known: &BTreeMap<String, Known>,
    found: &BTreeMap<Uuid, Found>,
    moves: &BTreeMap<Uuid, BTreeMap<Uuid, i64>>,
) -> Tally {
    let mut tally = Tally { keys: known.len() as u64, ..Tally::default() };
    let mut seen = BTreeSet::new();
    for (key, known) in known {
        tally.acked += u64::from(known.is_acked());
        let sale = found.get(&known.sale).filter(|sale| sale.completed);
        let Some(sale) = sale else {
            if known.is_acked() {
                tally.lost.push(format!("{key} was answered {:?} and is not there", known.status));
            }
            continue;
        };
        tally.effects += u64::from(seen.insert(known.sale));
        let refused = known.status.filter(|_| !known.is_acked());
        if let Some(status) = refused {
            tally.doubled.push(format!("{key} was answered {status} and is done all the same"));
        }
        let scaled = |text: Option<&String>| text.map(|text| tenthousandths(text));
        let told = scaled(known.total.as_ref());
        if known.is_acked() && (told != scaled(Some(&sale.total)) || known.number != sale.number) {
            let (total, number) = (&known.total, &known.number);
            tally.lost.push(format!("{key} was told {total:?} {number:?}, not {} {:?}", sale.total, sale.number));
        }
        let moved = moves.get(&known.sale).cloned().unwrap_or_default();
        match moved == known.lines {
            true => {}
            false if moved.values().sum::<i64>() < known.lines.values().sum() => {
                tally.lost.push(format!("{key}: the shelf did not give all its goods"));
            }
            false => tally.doubled.push(format!("{key}: the shelf gave too much")),
        }
        for (what, count) in [("sale", sale.booked), ("goods", sale.issued)] {
            match count {
                1 => {}
                0 => tally.lost.push(format!("{key}: its {what} is not in the books")),
                more => tally.doubled.push(format!("{key}: its {what} is booked {more} times")),
            }
        }
        if sale.claims != 1 {
            tally.doubled.push(format!("{key} is kept {} times", sale.claims));
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(id: Uuid) -> Found {
        let number = Some("20261121-0001".into());
        Found { id, total: "97.430000".into(), number, completed: true, booked: 1, issued: 1, claims: 1 }
    }

    fn told(sale: Uuid, product: Uuid) -> Known {
        let (total, number) = (Some("97.43".into()), Some("20261121-0001".into()));
        Known { sale, lines: BTreeMap::from([(product, 20_000)]), status: Some(201), total, number }
    }

    #[test]
    fn a_sale_that_is_as_it_was_told_is_neither_lost_nor_doubled() {
        let (id, product) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let known = BTreeMap::from([("k".to_owned(), told(id, product))]);
        let moves = BTreeMap::from([(id, BTreeMap::from([(product, 20_000)]))]);
        let tally = compare(&known, &BTreeMap::from([(id, sale(id))]), &moves);
        assert_eq!(tally, Tally { keys: 1, acked: 1, effects: 1, ..Tally::default() });
    }

    #[test]
    fn what_was_promised_and_is_not_there_is_lost() {
        let (id, product) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let known = BTreeMap::from([("k".to_owned(), told(id, product))]);
        assert_eq!(compare(&known, &BTreeMap::new(), &BTreeMap::new()).lost.len(), 1);
        let other = Found { total: "97.440000".into(), ..sale(id) };
        let moves = BTreeMap::from([(id, BTreeMap::from([(product, 20_000)]))]);
        assert_eq!(compare(&known, &BTreeMap::from([(id, other)]), &moves).lost.len(), 1);
    }

    #[test]
    fn what_is_done_twice_is_doubled_and_what_was_refused_must_not_be_done() {
        let (id, product) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let moves = BTreeMap::from([(id, BTreeMap::from([(product, 40_000)]))]);
        let twice = Found { booked: 2, ..sale(id) };
        let known = BTreeMap::from([("k".to_owned(), told(id, product))]);
        assert_eq!(compare(&known, &BTreeMap::from([(id, twice)]), &moves).doubled.len(), 2);
        let refused = Known { status: Some(409), total: None, number: None, ..told(id, product) };
        let known = BTreeMap::from([("k".to_owned(), refused)]);
        let moves = BTreeMap::from([(id, BTreeMap::from([(product, 20_000)]))]);
        assert_eq!(compare(&known, &BTreeMap::from([(id, sale(id))]), &moves).doubled.len(), 1);
    }

    #[test]
    fn who_was_told_nothing_may_find_his_sale_done_or_not() {
        let (id, product) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let open = Known { status: None, total: None, number: None, ..told(id, product) };
        let known = BTreeMap::from([("k".to_owned(), open)]);
        assert_eq!(compare(&known, &BTreeMap::new(), &BTreeMap::new()), Tally { keys: 1, ..Tally::default() });
        let moves = BTreeMap::from([(id, BTreeMap::from([(product, 20_000)]))]);
        let done = compare(&known, &BTreeMap::from([(id, sale(id))]), &moves);
        assert_eq!(done, Tally { keys: 1, effects: 1, ..Tally::default() });
    }
}
