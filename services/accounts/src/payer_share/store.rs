//! All SQL of payer shares.

use std::collections::BTreeMap;

use db::{Conn, Error as DbError, List, Page, Select, Sorts};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Row};

use super::{Part, PayerShare, PayerShareId};
use crate::Error;
use crate::account::AccountId;
use crate::member::MemberId;

const SORTS: Sorts = &[("created_at", "s.created_at"), ("percent", "s.basis_points"), ("account_name", "a.name")];

const SHARES: Select = Select {
    columns:
        "s.id, s.member_id, m.first_name || ' ' || m.last_name as member_name, s.account_id, a.number as account_number,
              a.name as account_name, s.basis_points, s.created_at",
    from: "payer_share s join member m on m.id = s.member_id join account a on a.id = s.account_id",
    id: "s.id",
};

pub(crate) async fn list(
    conn: &mut Conn,
    member: Option<MemberId>,
    account: Option<AccountId>,
    list: &List,
) -> Result<Page<PayerShare>, Error> {
    list.page(conn, SHARES, SORTS, |rows| {
        rows.eq_some("s.member_id", member);
        rows.eq_some("s.account_id", account);
        rows.search(&["m.first_name || ' ' || m.last_name", "a.name", "a.number::text"], &list.q);
    })
    .await
}

/// Who pays for a member.
pub(crate) async fn of_member(conn: &mut Conn, member: MemberId) -> Result<Vec<PayerShare>, Error> {
    let Select { columns, from, .. } = SHARES;
    let sql = format!("select {columns} from {from} where s.member_id = $1 order by s.account_id");
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(member).fetch_all(conn).await?)
}

/// All shares of a member, whose row is locked. Answers the member's new version.
pub(crate) async fn replace(
    conn: &mut Conn,
    member: MemberId,
    shares: &BTreeMap<AccountId, Part>,
) -> Result<i64, Error> {
    sqlx::query("delete from payer_share where member_id = $1").bind(member).execute(&mut *conn).await?;
    sqlx::query(
        "insert into payer_share (id, member_id, account_id, basis_points)
         select id, $1, account_id, basis_points
           from unnest($2::uuid[], $3::uuid[], $4::integer[]) as t (id, account_id, basis_points)",
    )
    .bind(member)
    .bind(shares.iter().map(|_| PayerShareId::new()).collect::<Vec<_>>())
    .bind(shares.keys().copied().collect::<Vec<_>>())
    .bind(shares.values().map(|part| part.basis_points()).collect::<Vec<_>>())
    .execute(&mut *conn)
    .await?;
    let version = sqlx::query_scalar(
        "update member set version = version + 1, updated_at = now() where id = $1 returning version",
    );
    Ok(version.bind(member).fetch_one(conn).await?)
}

impl FromRow<'_, PgRow> for PayerShare {
    fn from_row(row: &PgRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.try_get("id")?,
            member_id: row.try_get("member_id")?,
            member_name: row.try_get("member_name")?,
            account_id: row.try_get("account_id")?,
            account_number: row.try_get("account_number")?,
            account_name: row.try_get("account_name")?,
            part: Part::from_basis_points(row.try_get("basis_points")?),
            created_at: row.try_get("created_at")?,
        })
    }
}
