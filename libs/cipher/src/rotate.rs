//! A new data key, and everything sealed anew with it while the shop works.

use std::time::Instant;

use kit::{Command, Fault};
use uuid::Uuid;

use crate::envelope::Place;
use crate::keys::REFRESH;
use crate::{Keys, store};

/// A sealed column of a service's schema.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub table: &'static str,
    pub column: &'static str,
    /// The column with the row's id, a UUID.
    pub id: &'static str,
}

impl Column {
    /// A column of a table whose rows are named by `id`.
    pub fn new(table: &'static str, column: &'static str) -> Self {
        Self { table, column, id: "id" }
    }
}

/// `rotate-keys`: a new key for each purpose, and all columns of it sealed anew.
pub fn command(sealed: Vec<(Keys, Vec<Column>)>) -> Command {
    Command::new("rotate-keys", move || {
        let sealed = sealed.clone();
        async move {
            let mut moved = 0;
            for (keys, columns) in &sealed {
                moved += rotate(keys, columns).await?;
            }
            Ok(format!("values sealed anew: {moved}"))
        }
    })
}

/// Makes a new key and seals every value of these columns with it, in small batches. Old keys go on opening what they
/// sealed, so nobody notices. Answers how many values were sealed anew.
///
/// # Errors
/// When another rotation is at work, a value does not open, or the database's; it may be run again.
pub async fn rotate(keys: &Keys, columns: &[Column]) -> Result<u64, Fault> {
    let mut lock = keys.db().alone().await?;
    let name = format!("{}.rotate-keys.{}", keys.schema(), keys.purpose());
    if !db::lock_job(&mut lock, &name).await? {
        return Err(Fault::new("another rotation is at work"));
    }
    let done = renew_and_walk(keys, columns).await;
    db::unlock_job(&mut lock, &name).await?;
    done
}

async fn renew_and_walk(keys: &Keys, columns: &[Column]) -> Result<u64, Fault> {
    keys.renew().await?;
    let (begun, mut moved) = (Instant::now(), 0);
    let mut pace = tokio::time::interval(REFRESH);
    loop {
        pace.tick().await;
        // A replica that has not heard of the new key yet still seals with the old one.
        let settled = begun.elapsed() > REFRESH * 2;
        for column in columns {
            moved += walk(keys, column).await?;
        }
        let mut left = 0;
        for column in columns {
            let mut conn = keys.db().background().await?;
            left += store::count_stale(&mut conn, column, &keys.current()?.id).await?;
        }
        tracing::info!(purpose = keys.purpose(), moved, left, "values were sealed anew");
        if settled && left == 0 {
            return Ok(moved);
        }
    }
}

/// Once over a column.
async fn walk(keys: &Keys, column: &Column) -> Result<u64, Fault> {
    let (mut after, mut moved) = (Uuid::nil(), 0);
    loop {
        let mut tx = keys.db().begin_background(keys.context("rotate-keys")).await?;
        let stale = store::stale(&mut tx, column, after, &keys.current()?.id).await?;
        let Some((last, _)) = stale.last() else { return Ok(moved) };
        after = *last;
        let (mut ids, mut values) = (Vec::with_capacity(stale.len()), Vec::with_capacity(stale.len()));
        for (row, sealed) in &stale {
            let place = Place { table: column.table, column: column.column, row: *row };
            values.push(keys.seal(&place, &keys.open(&place, sealed).await?)?);
            ids.push(*row);
        }
        store::replace(&mut tx, column, &ids, &values).await?;
        keys.db().commit(tx).await?;
        moved += ids.len() as u64;
    }
}
