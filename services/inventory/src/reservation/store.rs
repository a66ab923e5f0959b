//! All SQL of reservations.

use chrono::{DateTime, Utc};
use db::{Conn, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, QueryBuilder, Row};
use types::uuid::Uuid;
use types::{Decimal, Money};

use super::{HolderId, Offer, Reservation, ReservationId, State, stock_only};
use crate::Error;
use crate::product::ProductId;
use crate::product::store::word;
use crate::quantity::Quantity;
use crate::stock::{LocationId, SaleId};

const COLUMNS: Select = Select {
    columns: "r.id, r.source_id, r.location_id, r.state, r.closed, r.holders, r.expires_at, r.created_at, r.updated_at,
              array(select l.product_id from reservation_line l where l.reservation_id = r.id order by l.product_id)
                  as products,
              array(select l.quantity from reservation_line l where l.reservation_id = r.id order by l.product_id)
                  as quantities",
    from: "reservation r",
    id: "r.id",
};

const SORTS: Sorts = &[
    ("created_at", "r.created_at"),
    ("updated_at", "r.updated_at"),
    ("expires_at", "r.expires_at"),
    ("state", "r.state"),
];

impl FromRow<'_, PgRow> for Reservation {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let products: Vec<ProductId> = row.try_get("products")?;
        let quantities: Vec<Decimal> = row.try_get("quantities")?;
        let lines = products.into_iter().zip(quantities);
        let lines: Option<Vec<_>> = lines.map(|(id, quantity)| Some((id, Quantity::from_decimal(quantity)?))).collect();
        Ok(Self {
            id: row.try_get("id")?,
            location: row.try_get("location_id")?,
            sale: row.try_get("source_id")?,
            state: word(row, "state")?,
            is_closed: row.try_get("closed")?,
            lines: lines.ok_or_else(|| sqlx::Error::Decode("a reservation line holds no quantity".into()))?,
            holders: row.try_get("holders")?,
            expires_at: row.try_get("expires_at")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for Offer {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            product: row.try_get("id")?,
            sku: row.try_get("sku")?,
            name: row.try_get("name")?,
            tax_category: row.try_get("tax_category")?,
            price: Money::minor(row.try_get("price")?),
            kind: word(row, "kind")?,
            state: word(row, "state")?,
            is_held: row.try_get("is_held")?,
        })
    }
}

pub(crate) async fn list(
    conn: &mut Conn,
    state: Option<State>,
    source: Option<Uuid>,
    list: &List,
) -> Result<Page<Reservation>, Error> {
    list.page(conn, COLUMNS, SORTS, |rows| {
        rows.eq_some("r.state", state.map(<&str>::from));
        rows.eq_some("r.source_id", source);
        rows.search(&["r.source_id::text"], &list.q);
    })
    .await
}

pub(crate) async fn get(conn: &mut Conn, id: ReservationId) -> Result<Reservation, Error> {
    let mut sql = QueryBuilder::new("select ");
    sql.push(COLUMNS.columns).push(" from reservation r where r.id = ").push_bind(id);
    sql.build_query_as().fetch_optional(conn).await?.ok_or(Error::ReservationNotFound(id))
}

/// Locks the one reservation of a sale that holds stock, was posted, or is closed.
pub(crate) async fn lock_live(conn: &mut Conn, sale: SaleId) -> Result<Option<Reservation>, Error> {
    let mut sql = QueryBuilder::new("select ");
    sql.push(COLUMNS.columns);
    sql.push(" from reservation r where r.source_kind = 'sale' and r.source_id = ").push_bind(sale);
    sql.push(" and (r.state in ('pending', 'confirmed', 'posted') or r.closed) for update of r");
    Ok(sql.build_query_as().fetch_optional(conn).await?)
}

/// Prices of the products that are known.
pub(crate) async fn price(conn: &mut Conn, products: &[ProductId]) -> Result<Vec<Offer>, Error> {
    let rows = sqlx::query_as(
        "select id, sku, name, tax_category, price, kind, state, false as is_held from product where id = any($1)",
    )
    .bind(products)
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// A new promise.
pub(crate) struct Ask {
    pub(crate) id: ReservationId,
    pub(crate) sale: SaleId,
    pub(crate) holder: HolderId,
    pub(crate) location: LocationId,
    pub(crate) expires_at: DateTime<Utc>,
    /// One for each product, services too.
    pub(crate) lines: Vec<(ProductId, Quantity)>,
}

/// Prices the products and promises their stock in one statement. Nothing is held when the sale has a reservation
/// already. The caller rolls back when something could not be held.
pub(crate) async fn reserve(conn: &mut Conn, ask: &Ask) -> Result<(Vec<Offer>, Option<Reservation>), Error> {
    let rows: Vec<Promised> = sqlx::query_as(RESERVE)
        .bind(ask.id)
        .bind(ask.sale)
        .bind(ask.location)
        .bind(ask.expires_at)
        .bind(ask.lines.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(ask.lines.iter().map(|(_, quantity)| quantity.to_decimal()).collect::<Vec<_>>())
        .bind(ask.holder)
        .fetch_all(conn)
        .await?;
    let made_at = rows.first().and_then(|row| row.made_at);
    let offers: Vec<Offer> = rows.into_iter().map(|row| row.offer).collect();
    let Some(made_at) = made_at else { return Ok((offers, None)) };
    let made = Reservation {
        id: ask.id,
        location: ask.location,
        sale: ask.sale,
        state: State::Pending,
        is_closed: false,
        lines: stock_only(&ask.lines, &offers),
        holders: vec![ask.holder],
        expires_at: ask.expires_at,
        created_at: made_at,
        updated_at: made_at,
    };
    Ok((offers, Some(made)))
}

struct Promised {
    offer: Offer,
    /// The same in every row; none when nothing was promised.
    made_at: Option<DateTime<Utc>>,
}

impl FromRow<'_, PgRow> for Promised {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self { offer: Offer::from_row(row)?, made_at: row.try_get("made_at")? })
    }
}

/// The levels are locked in the order of their products, as everywhere, so that two sales never wait for each other.
///
/// The commit need not wait for the disk: pos writes the sale to the same cluster afterwards, and its commit flushes the
/// log up to and beyond this promise. A promise that a crash swallows has no sale.
const RESERVE: &str = "
with priced as (
    select p.id, p.sku, p.name, p.tax_category, p.price, p.kind, p.state, t.quantity
      from unnest($5::uuid[], $6::numeric[]) as t (product_id, quantity)
      join product p on p.id = t.product_id
), made as (
    insert into reservation (id, source_kind, source_id, location_id, state, expires_at, holders)
    select $1, 'sale', $2, $3, 'pending', $4, array[$7::uuid]
     where exists (select from priced where kind = 'stock')
        on conflict (source_kind, source_id) where state in ('pending', 'confirmed', 'posted') or closed do nothing
    returning id, created_at
), lines as (
    insert into reservation_line (reservation_id, product_id, quantity)
    select made.id, priced.id, priced.quantity
      from made, priced
     where priced.kind = 'stock'
), locked as (
    select l.id, priced.quantity
      from priced
      join stock_level l on l.product_id = priced.id
     where l.location_id = $3
       and priced.kind = 'stock'
       and exists (select from made)
     order by l.product_id
       for update of l
), held as (
    update stock_level l
       set reserved = l.reserved + locked.quantity, updated_at = now()
      from locked
     where l.id = locked.id
       and l.on_hand - l.reserved >= locked.quantity
    returning l.product_id
)
select priced.id, priced.sku, priced.name, priced.tax_category, priced.price, priced.kind, priced.state,
       held.product_id is not null as is_held,
       (select created_at from made) as made_at,
       (select set_config('synchronous_commit', 'off', true)) as commits
  from priced
  left join held on held.product_id = priced.id";

/// Shares a pending promise with one more holder, for as long as that one asks. Whoever held it without a name goes by the
/// sale's.
pub(crate) async fn share(
    conn: &mut Conn,
    id: ReservationId,
    holder: HolderId,
    until: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query(
        "update reservation
            set expires_at = greatest(expires_at, $3),
                holders = array_append(
                    array_remove(case when holders = '{}' then array[source_id] else holders end, $2), $2),
                updated_at = now()
          where id = $1
            and state = 'pending'",
    )
    .bind(id)
    .bind(holder)
    .bind(until)
    .execute(conn)
    .await?;
    Ok(())
}

/// A holder needs a promise no more that others hold too.
pub(crate) async fn let_go(conn: &mut Conn, id: ReservationId, holder: HolderId) -> Result<(), Error> {
    sqlx::query("update reservation set holders = array_remove(holders, $2), updated_at = now() where id = $1")
        .bind(id)
        .bind(holder)
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends promises that still hold stock, and gives the stock back. Says which.
pub(crate) struct Release<'a> {
    pub(crate) ids: &'a [ReservationId],
    pub(crate) from: &'a [State],
    pub(crate) to: State,
    /// Only those whose time was over at this instant.
    pub(crate) overdue_at: Option<DateTime<Utc>>,
    /// The sale was reversed.
    pub(crate) closes: bool,
}

pub(crate) async fn release(conn: &mut Conn, release: Release<'_>) -> Result<Vec<ReservationId>, Error> {
    let ended = sqlx::query_scalar(RELEASE)
        .bind(release.ids)
        .bind(release.from.iter().map(|state| <&str>::from(*state)).collect::<Vec<_>>())
        .bind(<&str>::from(release.to))
        .bind(release.overdue_at)
        .bind(release.closes)
        .fetch_all(conn)
        .await?;
    Ok(ended)
}

const RELEASE: &str = "
with due as (
    select id, location_id
      from reservation
     where id = any($1)
       and state = any($2)
       and ($4::timestamptz is null or expires_at <= $4)
     order by id
       for update
), ended as (
    update reservation r
       set state = $3, closed = $5, updated_at = now()
      from due
     where r.id = due.id
    returning r.id
), freed as (
    select l.product_id, due.location_id, sum(l.quantity) as quantity
      from due
      join reservation_line l on l.reservation_id = due.id
     group by l.product_id, due.location_id
), locked as (
    select s.id, freed.quantity
      from freed
      join stock_level s on s.product_id = freed.product_id and s.location_id = freed.location_id
     order by s.product_id, s.location_id
       for update of s
), given_back as (
    update stock_level s
       set reserved = s.reserved - locked.quantity, updated_at = now()
      from locked
     where s.id = locked.id
)
select id from ended";

/// The sales of these were completed; they hold their stock until the events say so.
pub(crate) async fn confirm(conn: &mut Conn, ids: &[ReservationId]) -> Result<(), Error> {
    sqlx::query(
        "update reservation set state = 'confirmed', updated_at = now() where id = any($1) and state = 'pending'",
    )
    .bind(ids)
    .execute(conn)
    .await?;
    Ok(())
}

/// The stock of a promise has gone out. False when it holds none any more.
pub(crate) async fn post(conn: &mut Conn, id: ReservationId) -> Result<bool, Error> {
    let done = sqlx::query(
        "update reservation
            set state = 'posted', updated_at = now()
          where id = $1
            and state in ('pending', 'confirmed')",
    )
    .bind(id)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The goods of a posted promise came back. False when they did before.
pub(crate) async fn close(conn: &mut Conn, id: ReservationId) -> Result<bool, Error> {
    let done = sqlx::query(
        "update reservation set closed = true, updated_at = now() where id = $1 and state = 'posted' and not closed",
    )
    .bind(id)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Remembers how a sale without a promise ended. False when it has a live reservation by now.
pub(crate) async fn remember(conn: &mut Conn, reservation: &Reservation) -> Result<bool, Error> {
    let done = sqlx::query(
        "with made as (
             insert into reservation (id, source_kind, source_id, location_id, state, closed, expires_at)
             values ($1, 'sale', $2, $3, $4, $5, $6)
                 on conflict (source_kind, source_id) where state in ('pending', 'confirmed', 'posted') or closed
                 do nothing
             returning id
         ), lines as (
             insert into reservation_line (reservation_id, product_id, quantity)
             select made.id, t.product_id, t.quantity
               from made, unnest($7::uuid[], $8::numeric[]) as t (product_id, quantity)
         )
         select id from made",
    )
    .bind(reservation.id)
    .bind(reservation.sale)
    .bind(reservation.location)
    .bind(<&str>::from(reservation.state))
    .bind(reservation.is_closed)
    .bind(reservation.expires_at)
    .bind(reservation.lines.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(reservation.lines.iter().map(|(_, quantity)| quantity.to_decimal()).collect::<Vec<_>>())
    .fetch_optional(conn)
    .await?;
    Ok(done.is_some())
}

/// Promises whose time is over, the oldest first.
pub(crate) async fn overdue(
    conn: &mut Conn,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(ReservationId, SaleId)>, Error> {
    let rows = sqlx::query_as(
        "select id, source_id
           from reservation
          where state = 'pending'
            and expires_at <= $1
          order by expires_at
          limit $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
