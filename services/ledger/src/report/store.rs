//! All SQL of reports. No balance is kept: lines are summed, so that no row is hot.

use db::{Conn, inbox};
use sqlx::postgres::PgRow;
use sqlx::{Connection, FromRow, Row};
use types::{Date, Money};

use super::{Balance, Control, Held, OwnerTotals, side};
use crate::Error;
use crate::ledger_account::store::kind;

impl FromRow<'_, PgRow> for Balance {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            ledger_account_id: row.try_get("id")?,
            code: row.try_get("code")?,
            name: row.try_get("name")?,
            kind: kind(row)?,
            side: side(Money::minor(row.try_get("balance")?)),
        })
    }
}

/// The balance of every account at the end of a date.
pub(crate) async fn balances(conn: &mut Conn, as_of: Date) -> Result<Vec<Balance>, Error> {
    let balances = sqlx::query_as(
        "select a.id, a.code, a.name, a.kind, coalesce(l.balance, 0)::bigint as balance
           from ledger_account a
           left join (select ledger_account_id, sum(debit) - sum(credit) as balance
                        from journal_line
                       where effective_on <= $1
                       group by ledger_account_id) l on l.ledger_account_id = a.id
          order by a.code",
    );
    Ok(balances.bind(as_of).fetch_all(conn).await?)
}

/// The balance of a control account, whatever its owner says.
pub(crate) async fn balance(conn: &mut Conn, control: &Control) -> Result<Money, Error> {
    let balance = sqlx::query_scalar(
        "select coalesce(sum(l.debit) - sum(l.credit), 0)::bigint
           from ledger_account a
           join journal_line l on l.ledger_account_id = a.id
          where a.code = $1",
    );
    Ok(Money::minor(balance.bind(control.code).fetch_one(conn).await?))
}

/// What the ledger holds of what the owner's snapshot saw, all in one snapshot of its own.
pub(crate) async fn held(conn: &mut Conn, control: &Control, owner: &OwnerTotals) -> Result<Held, Error> {
    let mut tx = conn.begin_with("begin isolation level repeatable read, read only").await?;
    let events = inbox::count_heard(&mut tx, control.owner, control.kinds, &owner.snapshot).await?;
    let balance = balance(&mut tx, control).await?;
    // The few entries that the owner had not committed at its instant.
    let later: i64 = sqlx::query_scalar(
        "select coalesce(sum(l.debit) - sum(l.credit), 0)::bigint
           from journal_entry e
           join journal_line l on l.journal_entry_id = e.id
           join ledger_account a on a.id = l.ledger_account_id
          where e.source_service = $1
            and e.producer_tx is not null
            and not pg_visible_in_snapshot(e.producer_tx, $2::text::pg_snapshot)
            and a.code = $3",
    )
    .bind(control.owner)
    .bind(&owner.snapshot)
    .bind(control.code)
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Held { balance: balance - Money::minor(later), events })
}
