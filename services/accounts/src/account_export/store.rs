//! All SQL of exports.

use db::Conn;

use crate::Error;
use crate::account::{Account, AccountId, State};
use crate::member::Member;

/// The next accounts by number.
pub(crate) async fn accounts(conn: &mut Conn, state: State, after: i64, limit: i64) -> Result<Vec<Account>, Error> {
    let accounts =
        sqlx::query_as("select account.* from account where number > $1 and state = $2 order by number limit $3")
            .bind(after)
            .bind(<&str>::from(state))
            .bind(limit)
            .fetch_all(conn)
            .await?;
    Ok(accounts)
}

/// Their members, by number.
pub(crate) async fn members(conn: &mut Conn, accounts: &[AccountId]) -> Result<Vec<Member>, Error> {
    let members =
        sqlx::query_as("select member.* from member where account_id = any($1) and state = 'active' order by number")
            .bind(accounts)
            .fetch_all(conn)
            .await?;
    Ok(members)
}
