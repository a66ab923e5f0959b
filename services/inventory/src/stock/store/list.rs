//! Reading levels and moves.

use chrono::{DateTime, Utc};
use db::{Conn, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};
use types::Money;
use types::uuid::Uuid;

use crate::Error;
use crate::product::ProductId;
use crate::product::store::{quantity, word};
use crate::quantity::Quantity;
use crate::shelf::Holding;
use crate::stock::{Kind, LevelId, LocationId, MoveId, Source};

/// A stock level with its product.
pub(crate) struct LevelRow {
    pub(crate) id: LevelId,
    pub(crate) product: ProductId,
    pub(crate) location: LocationId,
    pub(crate) sku: String,
    pub(crate) product_name: String,
    pub(crate) holding: Holding,
    pub(crate) updated_at: DateTime<Utc>,
}

const LEVEL: Select = Select {
    columns: "l.id, l.product_id, l.location_id, p.sku, p.name, l.on_hand, l.reserved, l.value, l.updated_at",
    from: "stock_level l join product p on p.id = l.product_id",
    id: "l.id",
};

const LEVEL_SORTS: Sorts = &[
    ("product_name", "lower(p.name)"),
    ("sku", "lower(p.sku)"),
    ("on_hand", "l.on_hand"),
    ("reserved", "l.reserved"),
    ("available", "l.on_hand - l.reserved"),
    ("value", "l.value"),
    ("updated_at", "l.updated_at"),
];

impl FromRow<'_, PgRow> for LevelRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            product: row.try_get("product_id")?,
            location: row.try_get("location_id")?,
            sku: row.try_get("sku")?,
            product_name: row.try_get("name")?,
            holding: Holding {
                on_hand: quantity(row, "on_hand")?,
                reserved: quantity(row, "reserved")?,
                value: Money::minor(row.try_get("value")?),
            },
            updated_at: row.try_get("updated_at")?,
        })
    }
}

pub(crate) async fn levels(
    conn: &mut Conn,
    product: Option<ProductId>,
    location: Option<LocationId>,
    list: &List,
) -> Result<Page<LevelRow>, Error> {
    list.page(conn, LEVEL, LEVEL_SORTS, |rows| {
        rows.eq_some("l.product_id", product);
        rows.eq_some("l.location_id", location);
        rows.search(&["p.search_text"], &list.q);
    })
    .await
}

/// A stock move with its product.
pub(crate) struct MoveRow {
    pub(crate) id: MoveId,
    pub(crate) product: ProductId,
    pub(crate) location: LocationId,
    pub(crate) sku: String,
    pub(crate) product_name: String,
    pub(crate) kind: Kind,
    pub(crate) quantity: Quantity,
    pub(crate) value: Money,
    pub(crate) on_hand_after: Quantity,
    pub(crate) value_after: Money,
    pub(crate) reason: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) source_kind: String,
    pub(crate) source_id: Uuid,
    pub(crate) created_at: DateTime<Utc>,
}

const MOVE: Select = Select {
    columns: "m.id, m.product_id, m.location_id, p.sku, p.name, m.kind, m.quantity, m.value, m.on_hand_after,
              m.value_after, m.reason, m.note, m.source_kind, m.source_id, m.created_at",
    from: "stock_move m join product p on p.id = m.product_id",
    id: "m.id",
};

const MOVE_SORTS: Sorts = &[
    ("created_at", "m.created_at"),
    ("product_name", "lower(p.name)"),
    ("sku", "lower(p.sku)"),
    ("quantity", "m.quantity"),
    ("value", "m.value"),
];

/// What a list of moves is narrowed to.
pub(crate) struct NarrowMoves {
    pub(crate) product: Option<ProductId>,
    pub(crate) location: Option<LocationId>,
    pub(crate) kind: Option<Kind>,
    pub(crate) source: Option<Uuid>,
}

impl FromRow<'_, PgRow> for MoveRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            product: row.try_get("product_id")?,
            location: row.try_get("location_id")?,
            sku: row.try_get("sku")?,
            product_name: row.try_get("name")?,
            kind: word(row, "kind")?,
            quantity: quantity(row, "quantity")?,
            value: Money::minor(row.try_get("value")?),
            on_hand_after: quantity(row, "on_hand_after")?,
            value_after: Money::minor(row.try_get("value_after")?),
            reason: row.try_get("reason")?,
            note: row.try_get("note")?,
            source_kind: row.try_get("source_kind")?,
            source_id: row.try_get("source_id")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

pub(crate) async fn moves(conn: &mut Conn, narrow: &NarrowMoves, list: &List) -> Result<Page<MoveRow>, Error> {
    list.page(conn, MOVE, MOVE_SORTS, |rows| {
        rows.eq_some("m.product_id", narrow.product);
        rows.eq_some("m.location_id", narrow.location);
        rows.eq_some("m.kind", narrow.kind.map(<&str>::from));
        rows.eq_some("m.source_id", narrow.source);
        rows.search(&["p.search_text", "m.reason", "m.note"], &list.q);
    })
    .await
}

/// All moves of one receipt, adjustment or sale, in the order of its lines.
pub(crate) async fn moves_of(conn: &mut Conn, source: Source) -> Result<Vec<MoveRow>, Error> {
    let mut sql = QueryBuilder::new("select ");
    sql.push(MOVE.columns).push(" from ").push(MOVE.from);
    sql.push(" where m.source_id = ").push_bind(source.id());
    sql.push(" and m.source_kind = ").push_bind(source.kind());
    sql.push(" order by m.line, m.id");
    Ok(sql.build_query_as().fetch_all(conn).await?)
}
