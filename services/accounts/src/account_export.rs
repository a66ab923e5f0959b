//! Exports: what an import takes, line by line.

pub(crate) mod rpc;
pub(crate) mod store;

use std::collections::HashMap;

use crate::account::{Account, AccountId};
use crate::account_import::columns::{COLUMNS, Row, cell};
use crate::member::Member;
use proto::accounts::v1 as pb;

/// The first line.
pub(crate) fn header() -> String {
    line(COLUMNS.iter().map(|column| column.name.to_owned()))
}

/// A line for each member; one for an account without any.
pub(crate) fn lines(accounts: Vec<Account>, members: Vec<Member>, write: impl Fn(Member) -> pb::Member) -> String {
    let mut of: HashMap<AccountId, Vec<pb::Member>> = HashMap::new();
    for member in members {
        of.entry(member.account_id).or_default().push(write(member));
    }
    let mut out = String::new();
    for account in accounts {
        let id = account.id;
        let account = pb::Account::from(account);
        let row = |member| Row { key: account.number.clone(), account: account.clone(), member };
        for member in of.remove(&id).unwrap_or_else(|| vec![pb::Member::default()]) {
            let row = row(member);
            out.push_str(&line(COLUMNS.iter().map(|column| (column.get)(&row).map_or_else(String::new, |v| cell(&v)))));
        }
    }
    out
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}
