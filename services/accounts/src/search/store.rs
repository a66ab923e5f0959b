//! The SQL that searches share.

use std::error::Error as StdError;
use std::str::FromStr;

use db::{Conn, Error, List, Page, contains_pattern};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Postgres, QueryBuilder, Row};

use super::Sought;

/// What is sought when this is typed, folded as the rows are: see `folded` in the migration. Plain letters need no asking.
pub(crate) async fn sought(conn: &mut Conn, typed: &str) -> Result<Option<Sought>, Error> {
    let folded = if typed.is_ascii() {
        typed.to_ascii_lowercase()
    } else {
        sqlx::query_scalar("select folded($1)").bind(typed).fetch_one(conn).await?
    };
    Ok(Sought::of(folded, typed))
}

/// The `like` patterns of a search, any of which must hold.
pub(crate) fn patterns(sought: &Sought) -> Vec<String> {
    sought.texts.iter().map(|text| contains_pattern(text)).collect()
}

/// Rows to skip before the page.
pub(crate) fn offset(list: &List) -> i64 {
    i64::from(list.page - 1) * i64::from(list.limit)
}

/// A page, and the number, of the rows that a query finds. The query begins `with found as materialized (` and its
/// parenthesis is still open; it is planned for the very text that is sought.
pub(crate) async fn page_of<T>(
    conn: &mut Conn,
    mut found: QueryBuilder<Postgres>,
    columns: &str,
    order: &str,
    list: &List,
) -> Result<Page<T>, Error>
where
    T: for<'r> FromRow<'r, PgRow>,
{
    found.push(") select total, ").push(columns).push(" from (select count(*) as total from found) counted");
    // The order may name a column that is not shown.
    found.push(" left join (select found.* from found order by ").push(order);
    found.push(" limit ").push_bind(i64::from(list.limit)).push(" offset ").push_bind(offset(list));
    found.push(") page on true order by ").push(order);
    let rows = found.build().persistent(false).fetch_all(conn).await?;
    let total = rows.first().map_or(Ok(0), |row| row.try_get("total"))?;
    let shown = |row: &&PgRow| row.try_get_raw("id").is_ok_and(|id| !sqlx::ValueRef::is_null(&id));
    let data = rows.iter().filter(shown).map(T::from_row).collect::<Result<_, _>>()?;
    Ok(Page { data, total })
}

/// The order of what resembles a text: unless another was asked for, what resembles it most comes first.
pub(crate) fn nearest_first(list: &List, order: String) -> String {
    match (list.sort.is_empty(), list.descending) {
        (false, _) => order,
        (true, false) => format!("nearness desc, {order}"),
        (true, true) => format!("nearness asc, {order}"),
    }
}

/// A column that holds one of an enum's words.
pub(crate) fn word<T>(row: &PgRow, column: &str) -> Result<T, Error>
where
    T: FromStr,
    T::Err: StdError + Send + Sync + 'static,
{
    row.try_get::<&str, _>(column)?.parse().map_err(|error| Error::Decode(Box::new(error)))
}
