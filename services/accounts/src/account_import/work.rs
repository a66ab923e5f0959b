//! The job that checks and publishes imports. It may die at any time: a check begins again from the content, and
//! publishing is one transaction.

use db::Context;
use kit::{App, Tx};
use prost::Message;
use proto::accounts::v1 as pb;

use super::check::Check;
use super::records::{Records, Step};
use super::rpc::moved;
use super::{AccountImport, AccountImportId, Staged, State, store};
use crate::member::Ages;
use crate::{Error, account, member};

/// Rows that are stored or published at once.
const BATCH: usize = 1000;
/// Checking ends when so much is wrong; nobody reads more.
const ERRORS_MAX: i32 = 10_000;
/// Longer than the slowest batch, and than what is checked at the commit.
const PATIENCE: &str = "10min";

/// Works on imports, the oldest first, until none waits. One that breaks off is told when the others are done, and is
/// tried again when this is called again.
pub(crate) async fn work(app: &App) -> Result<(), Error> {
    let (mut broken, mut failure) = (Vec::new(), None);
    loop {
        let mut tx = begin(app, "check-account-imports").await?;
        let Some(import) = store::lock_next(&mut tx, &broken).await? else { break };
        let id = import.id;
        if let Err(error) = step(app, tx, import).await {
            broken.push(id);
            failure.get_or_insert(error);
        }
    }
    store::forget_content(&mut *app.db.background().await?).await?;
    failure.map_or(Ok(()), Err)
}

/// One check or one publishing.
async fn step(app: &App, mut tx: Tx, import: AccountImport) -> Result<(), Error> {
    let from = import.state;
    if from == State::Publishing {
        let attempt = import.attempt()?;
        if attempt.state == State::Failed {
            moved(&mut tx, &attempt, from).await?;
            return Ok(app.db.commit(tx).await?);
        }
        store::save(&mut tx, &attempt).await?;
        app.db.commit(tx).await?;
        return publish(app, attempt.id).await;
    }
    let checking = import.begin_check()?;
    store::forget_check(&mut tx, checking.id).await?;
    let checking = if checking.state == from {
        store::save(&mut tx, &checking).await?
    } else {
        moved(&mut tx, &checking, from).await?
    };
    app.db.commit(tx).await?;
    if checking.state == State::Checking {
        check(app, &checking).await?;
    }
    Ok(())
}

/// Reads the content piece by piece and stores what it holds, good or bad, batch by batch.
async fn check(app: &App, import: &AccountImport) -> Result<(), Error> {
    let ages = member::store::ages(&mut *app.db.background().await?, app.clock.now()).await?;
    let (mut records, mut check) = (Records::new(), Check::new(ages));
    let mut place = 0;
    loop {
        let part = store::part(&mut *app.db.background().await?, import.id, place).await?.unwrap_or_default();
        let (mut piece, last) = (part.as_slice(), part.is_empty());
        let ended = loop {
            let before = piece.len();
            let ended = match records.next(&mut piece) {
                Step::More => false,
                Step::End => true,
                Step::Unclosed { line } => {
                    check.blame(line, "account", "a quotation mark begins a cell here and is never closed");
                    true
                }
                Step::TooLong { line } => {
                    check.blame(
                        line,
                        "account",
                        "the row is too long; is there a quotation mark that is never closed?",
                    );
                    true
                }
                Step::Record(record) => {
                    check.take(&record);
                    !check.readable() || check.checked.errors >= ERRORS_MAX
                }
            };
            place += i64::try_from(before - piece.len()).unwrap_or(0);
            if check.waiting() >= BATCH {
                check.checked.bytes = place;
                if !store_batch(app, import.id, &mut check).await? {
                    return Ok(());
                }
            }
            if ended || (piece.is_empty() && !last) {
                break ended;
            }
        };
        if ended {
            break;
        }
    }
    check.end();
    check.checked.bytes = place;
    if store_batch(app, import.id, &mut check).await? {
        end(app, import.id, check).await?;
    }
    Ok(())
}

/// Stores what waits, and how far the check has come. False when the import was discarded meanwhile.
async fn store_batch(app: &App, id: AccountImportId, check: &mut Check) -> Result<bool, Error> {
    let (rows, blames) = check.drain();
    let mut tx = begin(app, "check-account-imports").await?;
    let import = store::lock(&mut tx, id).await?;
    if import.state != State::Checking {
        return Ok(false);
    }
    store::add_rows(&mut tx, id, &rows).await?;
    store::add_errors(&mut tx, id, &blames).await?;
    store::save(&mut tx, &AccountImport { checked: check.checked, ..import }).await?;
    app.db.commit(tx).await?;
    Ok(true)
}

/// Looks at the rows together, and ends the check.
async fn end(app: &App, id: AccountImportId, mut check: Check) -> Result<(), Error> {
    let mut tx = begin(app, "check-account-imports").await?;
    let import = store::lock(&mut tx, id).await?;
    if import.state != State::Checking {
        return Ok(());
    }
    for (line, first) in store::opened_twice(&mut tx, id, i64::from(ERRORS_MAX)).await? {
        let message = format!("stands on line {first} already; the rows of one account must follow each other");
        check.blame(line, "account", message);
    }
    store::add_errors(&mut tx, id, &check.drain().1).await?;
    let mut import = moved(&mut tx, &import.end_check(check.checked)?, State::Checking).await?;
    if import.state == State::Checked && !import.dry_run {
        import = import.publish()?;
        moved(&mut tx, &import, State::Checked).await?;
    }
    Ok(app.db.commit(tx).await?)
}

/// All accounts and members of the file, their events and one audit record, or nothing.
async fn publish(app: &App, id: AccountImportId) -> Result<(), Error> {
    let mut tx = begin(app, "publish-account-imports").await?;
    store::be_patient(&mut tx, PATIENCE).await?;
    let ages = member::store::say_ages(&mut tx, app.clock.now()).await?;
    let import = store::lock(&mut tx, id).await?;
    let mut line = 0;
    loop {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let rows = store::rows(&mut tx, id, line, limit).await?;
        let whole = whole_accounts(&rows);
        let Some(last) = whole.last() else { break };
        line = last.line;
        publish_rows(&mut tx, whole, ages).await?;
        tx.flush().await?;
    }
    let published = AccountImport { state: State::Published, ..import };
    moved(&mut tx, &published, State::Publishing).await?;
    Ok(app.db.commit(tx).await?)
}

/// The rows of accounts that are sure to be whole: a full batch may end amidst its last one.
fn whole_accounts(rows: &[Staged]) -> &[Staged] {
    let Some(last) = rows.last().filter(|_| rows.len() == BATCH) else { return rows };
    let begins = rows.iter().position(|row| row.account_id == last.account_id).unwrap_or(0);
    if begins == 0 { rows } else { &rows[..begins] }
}

async fn publish_rows(tx: &mut Tx, rows: &[Staged], ages: Ages) -> Result<(), Error> {
    let (mut accounts, mut members): (Vec<account::Draft>, Vec<member::Draft>) = (Vec::new(), Vec::new());
    for row in rows {
        if let Some(account) = &row.account {
            let message = pb::Account::decode(account.as_slice()).map_err(kit::Fault::new)?;
            let details = account::rpc::details(&message)?;
            accounts.push(account::Draft { id: row.account_id, details, member_count: 0 });
        }
        if let Some((id, member)) = &row.member {
            let message = pb::Member::decode(member.as_slice()).map_err(kit::Fault::new)?;
            let person = member::rpc::person(&message, ages)?;
            members.push(member::Draft { id: *id, account_id: row.account_id, person });
            if let Some(account) = accounts.last_mut() {
                account.member_count += 1;
            }
        }
    }
    for account in account::store::insert(tx, &accounts).await? {
        account::rpc::tell(tx, &account);
    }
    for member in member::store::insert(tx, &members).await? {
        member::rpc::tell(tx, &member, ages);
    }
    Ok(())
}

async fn begin(app: &App, job: &str) -> Result<Tx, Error> {
    Ok(app.db.begin_background(Context::of_service("accounts", job, app.clock.now())).await?)
}
