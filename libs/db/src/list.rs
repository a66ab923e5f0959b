//! A page of rows, by the one list convention.

use proto::common::v1::Pagination;
use proto::{ListRequest, ListResponse};
use sqlx::postgres::PgRow;
use sqlx::{Encode, FromRow, PgConnection, Postgres, QueryBuilder, Type};
use types::{Q_CHARACTERS_MAX, Violation, Violations};

const LIMIT_DEFAULT: i32 = 25;
const LIMIT_MAX: i32 = 100;

/// What a list request says, checked.
#[derive(Clone, Debug)]
pub struct List {
    /// Counted from 1.
    pub page: i32,
    pub limit: i32,
    /// The text sought; empty finds all.
    pub q: String,
    pub sort: String,
    pub descending: bool,
}

/// The rows of one page, and how many there are in all.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub total: i64,
}

/// The names a caller may sort by, and the column each means. The first is the default.
pub type Sorts = &'static [(&'static str, &'static str)];

/// What a list reads: named columns of a table or join, and the unique column that breaks ties.
#[derive(Clone, Copy, Debug)]
pub struct Select {
    pub columns: &'static str,
    pub from: &'static str,
    pub id: &'static str,
}

impl Select {
    /// The statement that reads one row by its id, `$1`.
    pub fn one(self) -> sqlx::AssertSqlSafe<String> {
        sqlx::AssertSqlSafe(format!("select {} from {} where {} = $1", self.columns, self.from, self.id))
    }

    /// The statement that reads all rows in an order.
    pub fn all(self, order: &'static str) -> sqlx::AssertSqlSafe<String> {
        sqlx::AssertSqlSafe(format!("select {} from {} order by {order}", self.columns, self.from))
    }
}

impl List {
    /// Reads the five list fields. More than 100 rows are coerced to 100 (AIP-158).
    ///
    /// # Errors
    /// Violations for a negative page or limit and a text that is too long.
    pub fn parse(request: &impl ListRequest) -> Result<Self, Violations> {
        let fields = request.list();
        let mut out = Violations::default();
        if fields.page < 0 {
            out.add("page", "must not be negative");
        }
        if fields.limit < 0 {
            out.add("limit", "must not be negative");
        }
        let q = fields.q.trim();
        if q.chars().count() > Q_CHARACTERS_MAX {
            out.add("q", format!("must have at most {Q_CHARACTERS_MAX} characters"));
        }
        out.into_result()?;
        Ok(Self {
            page: fields.page.max(1),
            limit: if fields.limit == 0 { LIMIT_DEFAULT } else { fields.limit.min(LIMIT_MAX) },
            q: q.to_owned(),
            sort: fields.sort.to_owned(),
            descending: fields.descending,
        })
    }

    /// Reads one page of what holds, and counts the whole.
    ///
    /// # Errors
    /// A violation of `sort` when the name is not one of `sorts`; the database's.
    pub async fn page<T, E>(
        &self,
        conn: &mut PgConnection,
        select: Select,
        sorts: Sorts,
        narrow: impl Fn(&mut Where),
    ) -> Result<Page<T>, E>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
        E: From<Violation> + From<sqlx::Error>,
    {
        let order = self.order(select, sorts)?;
        let mut count = Where::open("count(*)", select.from);
        narrow(&mut count);
        let total = count.sql.build_query_scalar().fetch_one(&mut *conn).await?;
        let data = if i64::from(self.page - 1) * i64::from(self.limit) < total {
            self.rows(conn, select, &order, narrow).await?
        } else {
            Vec::new()
        };
        Ok(Page { data, total })
    }

    /// Reads one page only; for lists that count in a cheaper way.
    ///
    /// # Errors
    /// The database's.
    pub async fn rows<T>(
        &self,
        conn: &mut PgConnection,
        select: Select,
        order: &str,
        narrow: impl Fn(&mut Where),
    ) -> Result<Vec<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let mut rows = Where::open(select.columns, select.from);
        narrow(&mut rows);
        rows.sql
            .push(" order by ")
            .push(order)
            .push(" limit ")
            .push_bind(i64::from(self.limit))
            .push(" offset ")
            .push_bind(i64::from(self.page - 1) * i64::from(self.limit));
        rows.sql.build_query_as().fetch_all(conn).await
    }

    /// The `order by` of the list, from the known names only.
    ///
    /// # Errors
    /// A violation of `sort` when the name is not one of `sorts`.
    pub fn order(&self, select: Select, sorts: Sorts) -> Result<String, Violation> {
        let column = if self.sort.is_empty() {
            sorts[0].1
        } else {
            let known = sorts.iter().find(|(name, _)| *name == self.sort || camel(name) == self.sort);
            known.map(|(_, column)| *column).ok_or_else(|| {
                let names: Vec<String> = sorts.iter().map(|(name, _)| camel(name)).collect();
                Violation::new("sort", format!("must be one of {}", names.join(", ")))
            })?
        };
        let direction = if self.descending { "desc" } else { "asc" };
        Ok(format!("{column} {direction}, {} {direction}", select.id))
    }
}

impl<T> Page<T> {
    /// The answer of a list RPC.
    pub fn answer<R: ListResponse>(self, list: &List) -> R
    where
        R::Item: From<T>,
    {
        let limit = i64::from(list.limit);
        let pages = (self.total + limit - 1) / limit;
        R::new(
            self.data.into_iter().map(Into::into).collect(),
            Pagination {
                page: list.page,
                limit: list.limit,
                total: self.total,
                total_pages: i32::try_from(pages).unwrap_or(i32::MAX),
            },
        )
    }
}

/// The `where` of a list.
pub struct Where {
    sql: QueryBuilder<Postgres>,
    first: bool,
}

impl Where {
    fn open(columns: &'static str, from: &'static str) -> Self {
        let mut sql = QueryBuilder::new("select ");
        sql.push(columns).push(" from ").push(from);
        Self { sql, first: true }
    }

    fn and(&mut self) -> &mut QueryBuilder<Postgres> {
        self.sql.push(if std::mem::take(&mut self.first) { " where " } else { " and " })
    }

    /// Holds when the condition, fixed text, holds.
    pub fn holds(&mut self, condition: &'static str) {
        self.and().push(condition);
    }

    /// Holds when `left value right`, such as `("id in (select sale_id from line where product_id = ", id, ")")`.
    pub fn with<T>(&mut self, left: &'static str, value: T, right: &'static str)
    where
        T: for<'q> Encode<'q, Postgres> + Type<Postgres> + Send + 'static,
    {
        self.and().push(left).push_bind(value).push(right);
    }

    pub fn eq<T>(&mut self, column: &'static str, value: T)
    where
        T: for<'q> Encode<'q, Postgres> + Type<Postgres> + Send + 'static,
    {
        self.and().push(column).push(" = ").push_bind(value);
    }

    /// Holds when the column equals the value, or there is no value.
    pub fn eq_some<T>(&mut self, column: &'static str, value: Option<T>)
    where
        T: for<'q> Encode<'q, Postgres> + Type<Postgres> + Send + 'static,
    {
        if let Some(value) = value {
            self.eq(column, value);
        }
    }

    /// Holds when any of the columns contains the text, whatever the case; an empty text holds always.
    pub fn search(&mut self, columns: &[&'static str], text: &str) {
        if text.is_empty() {
            return;
        }
        let pattern = contains_pattern(text);
        let sql = self.and().push("(");
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                sql.push(" or ");
            }
            sql.push(*column).push(" ilike ").push_bind(pattern.clone());
        }
        sql.push(")");
    }
}

/// The `like` pattern of all that contains the text.
pub fn contains_pattern(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        match letter {
            '_' => upper = true,
            letter if std::mem::take(&mut upper) => out.push(letter.to_ascii_uppercase()),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proto::common::v1::ListAuditRecordsRequest;

    use super::*;

    #[test]
    fn a_search_of_two_hundred_characters_is_the_longest() {
        let parse = |count| List::parse(&ListAuditRecordsRequest { q: "é".repeat(count), ..Default::default() });
        assert!(parse(Q_CHARACTERS_MAX).is_ok());
        assert_eq!(parse(Q_CHARACTERS_MAX + 1).unwrap_err().to_string(), "q must have at most 200 characters");
    }
}
