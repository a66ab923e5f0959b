//! The list of accounts, fast at a million of them and exact in its total.
//!
//! Few matches are found through the index of pieces and sorted; many are met soon enough by walking the index of names,
//! which carries the text. Which of the two it is, the total says.

use db::{Conn, List, Page, Select, Sorts};
use sqlx::{Postgres, QueryBuilder};

use super::columns;
use super::total::{self, Key, narrow};
use crate::Error;
use crate::account::{Account, Filter};
use crate::search::Sought;
use crate::search::store::{nearest_first, offset, page_of, patterns, sought};

/// The most rows that are worth sorting for one page.
const FEW: i64 = 2000;

/// Beyond so many rows a page is planned for itself, lest its cost speak for the plan of the first pages.
const DEEP: i64 = 1000;

const SORTS: Sorts = &[("name", "name"), ("number", "number"), ("created_at", "created_at")];

const ACCOUNTS: Select = Select { columns: columns!(), from: "account", id: "id" };

/// A page of what contains the text sought, or when nothing does, of what resembles it.
pub(crate) async fn list(conn: &mut Conn, filter: &Filter, list: &List) -> Result<Page<Account>, Error> {
    let order = list.order(ACCOUNTS, SORTS)?;
    let sought = sought(conn, &list.q).await?;
    let sought = sought.as_ref();
    if filter.tag.is_some() {
        return tagged(conn, filter, sought, list, order).await;
    }
    let key = Key::of(filter, sought);
    let known = total::known(conn, &key).await?;
    if let Some(sought) = sought.filter(|sought| sought.indexed && known.is_none_or(|total| total <= FEW)) {
        let page = few(conn, filter, sought, list, &order).await?;
        match page.total {
            0 => return near(conn, filter, sought, list, order).await,
            1..=FEW => return Ok(page),
            _ => {}
        }
    }
    let total = match known {
        Some(total) => total,
        None => total::count(conn, filter, sought, &key).await?,
    };
    if let Some(sought) = sought.filter(|_| total == 0) {
        return near(conn, filter, sought, list, order).await;
    }
    Ok(Page { data: walk(conn, filter, sought, list, total).await?, total })
}

/// The index of tags finds them all.
async fn tagged(
    conn: &mut Conn,
    filter: &Filter,
    sought: Option<&Sought>,
    list: &List,
    order: String,
) -> Result<Page<Account>, Error> {
    let mut found = QueryBuilder::<Postgres>::new("with found as materialized (select ");
    found.push(ACCOUNTS.columns).push(" from account where ");
    narrow(&mut found, filter);
    if let Some(sought) = sought {
        found.push(" and search_text like any (").push_bind(patterns(sought)).push(")");
    }
    let page = page_of(conn, found, ACCOUNTS.columns, &order, list).await?;
    if let Some(sought) = sought.filter(|_| page.total == 0) {
        return near(conn, filter, sought, list, order).await;
    }
    Ok(page)
}

/// What contains the text, sorted whole; when there are too many, one more than [`FEW`].
async fn few(
    conn: &mut Conn,
    filter: &Filter,
    sought: &Sought,
    list: &List,
    order: &str,
) -> Result<Page<Account>, Error> {
    let mut found = QueryBuilder::<Postgres>::new("with found as materialized (select ");
    found
        .push(ACCOUNTS.columns)
        .push(" from account where search_text like any (")
        .push_bind(patterns(sought))
        .push(") and ");
    narrow(&mut found, filter);
    found.push(" limit ").push_bind(FEW + 1);
    Ok(page_of(conn, found, ACCOUNTS.columns, order, list).await?)
}

async fn near(
    conn: &mut Conn,
    filter: &Filter,
    sought: &Sought,
    list: &List,
    order: String,
) -> Result<Page<Account>, Error> {
    let mut found = QueryBuilder::<Postgres>::new("with found as materialized (select nearness, ");
    found
        .push(ACCOUNTS.columns)
        .push(" from account_near(")
        .push_bind(sought.texts[0].clone())
        .push(") join account using (id) where ");
    narrow(&mut found, filter);
    Ok(page_of(conn, found, ACCOUNTS.columns, &nearest_first(list, order), list).await?)
}

/// Walks an index in the order of the list, from its nearer end, and fetches only the rows of the page.
async fn walk(
    conn: &mut Conn,
    filter: &Filter,
    sought: Option<&Sought>,
    list: &List,
    total: i64,
) -> Result<Vec<Account>, Error> {
    let skip = offset(list);
    if skip >= total {
        return Ok(Vec::new());
    }
    let from_the_end = skip > total / 2;
    let turned = List { descending: !list.descending, ..list.clone() };
    let limit = i64::from(list.limit).min(total - skip);
    let (walked, skip) = if from_the_end { (&turned, total - skip - limit) } else { (list, skip) };
    let mut sql = QueryBuilder::<Postgres>::new("select ");
    sql.push(ACCOUNTS.columns).push(" from (select id as at from account where ");
    narrow(&mut sql, filter);
    if let Some(sought) = sought {
        contains(&mut sql, sought);
    }
    sql.push(" order by ").push(walked.order(ACCOUNTS, SORTS)?).push(" limit ").push_bind(limit);
    sql.push(" offset ").push_bind(skip).push(") page join account on id = at order by ");
    sql.push(list.order(ACCOUNTS, SORTS)?);
    Ok(sql.build_query_as().persistent(skip < DEEP).fetch_all(conn).await?)
}

/// The same as `like`, in words that the planner has no index for.
fn contains(sql: &mut QueryBuilder<Postgres>, sought: &Sought) {
    for (index, text) in sought.texts.iter().enumerate() {
        sql.push(if index == 0 { " and (" } else { " or " });
        sql.push("strpos(search_text, ").push_bind(text.clone()).push(") > 0");
    }
    sql.push(")");
}
