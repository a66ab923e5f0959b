//! All SQL of stock levels, moves, receipts and adjustments.

mod list;

use std::collections::BTreeMap;

use db::{Conn, OnConstraint};
use kit::Fault;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use types::{Decimal, Money};

pub(crate) use list::{LevelRow, MoveRow, NarrowMoves, levels, moves, moves_of};

use super::{Adjustment, LevelId, LocationId, MoveId, Reason, Receipt, SaleId, Source};
use crate::Error;
use crate::product::store::{quantity, word};
use crate::product::{Kind, ProductId, State, label};
use crate::quantity::Quantity;
use crate::shelf::{Cost, Holding, Item, Shelf};

/// Makes the rows of products that never lay at a location.
pub(crate) async fn open(conn: &mut Conn, location: LocationId, products: &[ProductId]) -> Result<(), Error> {
    let ids: Vec<LevelId> = products.iter().map(|_| LevelId::new()).collect();
    sqlx::query(
        "insert into stock_level (id, product_id, location_id)
         select t.id, p.id, $3
           from unnest($1::uuid[], $2::uuid[]) as t (id, product_id)
           join product p on p.id = t.product_id and p.kind = 'stock'
          order by p.id
             on conflict (product_id, location_id) do nothing",
    )
    .bind(ids)
    .bind(products)
    .bind(location)
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks what lies at a location of some products, in the order of their ids, and reads it.
pub(crate) async fn lock(conn: &mut Conn, location: LocationId, products: &[ProductId]) -> Result<Shelf, Error> {
    let rows: Vec<Locked> = sqlx::query_as(
        // Behind a subquery the array's length does not sway the estimate, and the plan is made once, not each time.
        "with locked as (
             select product_id, on_hand, reserved, value
               from stock_level
              where location_id = $1
                and product_id = any(array(select unnest($2)))
              order by product_id
                for update
         )
         select p.id, p.sku, p.name, p.kind, p.state, locked.on_hand, locked.reserved, locked.value
           from product p
           left join locked on locked.product_id = p.id
          where p.id = any(array(select unnest($2)))",
    )
    .bind(location)
    .bind(products)
    .fetch_all(conn)
    .await?;
    Ok(Shelf::new(location, rows.into_iter().map(|row| (row.0, row.1)).collect()))
}

struct Locked(ProductId, Item);

impl FromRow<'_, PgRow> for Locked {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let was = match row.try_get::<Option<i64>, _>("value")? {
            None => None,
            Some(value) => Some(Holding {
                on_hand: quantity(row, "on_hand")?,
                reserved: quantity(row, "reserved")?,
                value: Money::minor(value),
            }),
        };
        let item = Item {
            label: label(row.try_get("name")?, row.try_get("sku")?),
            is_stock: word::<Kind>(row, "kind")? == Kind::Stock,
            is_discontinued: word::<State>(row, "state")? == State::Discontinued,
            was,
            now: was.unwrap_or_default(),
        };
        Ok(Self(row.try_get("id")?, item))
    }
}

/// What products cost at a location when their cost was last known: the average after the last time that some came in.
/// What was found and had no cost says nothing of it.
pub(crate) async fn last_costs(
    conn: &mut Conn,
    location: LocationId,
    products: &[ProductId],
) -> Result<BTreeMap<ProductId, Cost>, Error> {
    let rows: Vec<(ProductId, i64, Decimal)> = sqlx::query_as(
        "select p.id, m.value_after, m.on_hand_after
           from (select distinct unnest($2::uuid[]) as id) p
          cross join lateral (
             select value_after, on_hand_after
               from stock_move
              where product_id = p.id
                and location_id = $1
                and quantity > 0
                and (kind = 'receipt' or value_after > 0)
              order by created_at desc, id desc
              limit 1) m",
    )
    .bind(location)
    .bind(products)
    .fetch_all(conn)
    .await?;
    let cost =
        |(id, value, units)| Some((id, Cost { value: Money::minor(value), units: Quantity::from_decimal(units)? }));
    let costs: Option<_> = rows.into_iter().map(cost).collect();
    costs.ok_or_else(|| Fault::new("a stock move holds no quantity").into())
}

/// Why the moves of a shelf are made.
#[derive(Clone, Copy)]
pub(crate) struct Why<'a> {
    pub(crate) source: Source,
    pub(crate) reason: Option<Reason>,
    pub(crate) note: Option<&'a str>,
}

impl Why<'_> {
    pub(crate) fn of(source: Source) -> Self {
        Self { source, reason: None, note: None }
    }
}

/// Writes what was done to a shelf: levels by conditional update, and the moves that explain them.
pub(crate) async fn save(conn: &mut Conn, shelf: &Shelf, why: Why<'_>) -> Result<(), Error> {
    let changed = shelf.changed();
    let moves = shelf.moves.iter();
    let written: i64 = sqlx::query_scalar(SAVE)
        .bind(shelf.location)
        .bind(changed.clone().map(|(id, ..)| id).collect::<Vec<_>>())
        .bind(changed.clone().map(|(_, was, _)| was.on_hand.to_decimal()).collect::<Vec<_>>())
        .bind(changed.clone().map(|(_, was, _)| was.reserved.to_decimal()).collect::<Vec<_>>())
        .bind(changed.clone().map(|(_, was, _)| was.value.minor_units()).collect::<Vec<_>>())
        .bind(changed.clone().map(|(.., now)| now.on_hand.to_decimal()).collect::<Vec<_>>())
        .bind(changed.clone().map(|(.., now)| now.reserved.to_decimal()).collect::<Vec<_>>())
        .bind(changed.clone().map(|(.., now)| now.value.minor_units()).collect::<Vec<_>>())
        .bind(moves.clone().map(|_| MoveId::new()).collect::<Vec<_>>())
        .bind(moves.clone().map(|moved| moved.product).collect::<Vec<_>>())
        .bind(moves.clone().map(|moved| <&str>::from(moved.kind)).collect::<Vec<_>>())
        .bind(moves.clone().map(|moved| moved.quantity.to_decimal()).collect::<Vec<_>>())
        .bind(moves.clone().map(|moved| moved.value.minor_units()).collect::<Vec<_>>())
        .bind(moves.clone().map(|moved| moved.on_hand_after.to_decimal()).collect::<Vec<_>>())
        .bind(moves.clone().map(|moved| moved.value_after.minor_units()).collect::<Vec<_>>())
        .bind(moves.map(|moved| moved.line).collect::<Vec<_>>())
        .bind(why.reason.map(<&str>::from))
        .bind(why.note)
        .bind(why.source.kind())
        .bind(why.source.id())
        .fetch_one(conn)
        .await
        .on_constraint("stock_move_source_key", || Error::SaleBusy)?;
    if usize::try_from(written).ok() == Some(changed.count()) {
        Ok(())
    } else {
        Err(Fault::new("a stock level changed under its lock").into())
    }
}

const SAVE: &str = "
with changed as (
    update stock_level l
       set on_hand = t.on_hand, reserved = t.reserved, value = t.value, updated_at = now()
      from unnest($2::uuid[], $3::numeric[], $4::numeric[], $5::bigint[], $6::numeric[], $7::numeric[], $8::bigint[])
        as t (product_id, on_hand_was, reserved_was, value_was, on_hand, reserved, value)
     where l.location_id = $1
       and l.product_id = t.product_id
       and l.on_hand = t.on_hand_was
       and l.reserved = t.reserved_was
       and l.value = t.value_was
    returning 1
), moved as (
    insert into stock_move (id, product_id, location_id, kind, quantity, value, on_hand_after, value_after, line,
                            reason, note, source_kind, source_id)
    select t.*, $17, $18, $19, $20
      from (select id, product_id, $1, kind, quantity, value, on_hand_after, value_after, line
              from unnest($9::uuid[], $10::uuid[], $11::text[], $12::numeric[], $13::bigint[], $14::numeric[],
                          $15::bigint[], $16::smallint[])
                as t (id, product_id, kind, quantity, value, on_hand_after, value_after, line)) as t
)
select count(*) from changed";

/// What went out for a sale: product, quantity and value, both positive.
pub(crate) async fn sold(conn: &mut Conn, sale: SaleId) -> Result<Vec<(ProductId, Quantity, Money)>, Error> {
    let rows: Vec<(ProductId, Decimal, i64)> = sqlx::query_as(
        "select product_id, -quantity, -value
           from stock_move
          where source_id = $1
            and source_kind = 'sale'
            and kind = 'sale'
          order by product_id",
    )
    .bind(sale)
    .fetch_all(conn)
    .await?;
    let read = |(id, quantity, value)| Some((id, Quantity::from_decimal(quantity)?, Money::minor(value)));
    let sold: Option<Vec<_>> = rows.into_iter().map(read).collect();
    sold.ok_or_else(|| Fault::new("a stock move holds no quantity").into())
}

pub(crate) async fn insert_receipt(conn: &mut Conn, receipt: &Receipt, value: Money) -> Result<(), Error> {
    sqlx::query("insert into stock_receipt (id, location_id, supplier, reference, value) values ($1, $2, $3, $4, $5)")
        .bind(receipt.id)
        .bind(receipt.location)
        .bind(&receipt.supplier)
        .bind(&receipt.reference)
        .bind(value.minor_units())
        .execute(conn)
        .await?;
    Ok(())
}

pub(crate) async fn insert_adjustment(conn: &mut Conn, adjustment: &Adjustment, value: Money) -> Result<(), Error> {
    sqlx::query("insert into stock_adjustment (id, location_id, reason, note, value) values ($1, $2, $3, $4, $5)")
        .bind(adjustment.id)
        .bind(adjustment.location)
        .bind(<&str>::from(adjustment.reason))
        .bind(&adjustment.note)
        .bind(value.minor_units())
        .execute(conn)
        .await?;
    Ok(())
}
