//! A hundred thousand accounts from a file: how fast they come in, and how much memory that takes.

use std::fmt::Write;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::Bench;
use super::memory::Peak;
use super::table::Table;
use crate::failure::{Failure, Result};
use crate::figures::Milli;
use crate::http::Client;
use crate::session::Session;
use crate::suite::pause;

/// How long a check or a publishing may take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) async fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    let accounts = bench.size.imported;
    let owner = Session::new(&bench.suite.bases, "owner@demo.test");
    let file = file(accounts);
    let pid = bench.suite.process("accounts")?.pid;
    let peak = Peak::begin(pid)?;
    let began = Instant::now();
    let wanted = json!({ "fileName": "accounts.csv", "dryRun": true });
    let opened = owner.post("/v1/account-imports", &wanted).await?;
    let id = opened["id"].as_str().ok_or_else(|| Failure::new("an import without an id".to_owned()))?.to_owned();
    let draft = owner.draft(Method::PUT, format!("/v1/account-imports/{id}/content")).await?;
    let csv = HeaderValue::from_static("text/csv");
    let draft = crate::http::Draft { body: file.clone().into(), ..draft.with(http::header::CONTENT_TYPE, csv) };
    let sent = Client::new(&bench.suite.bases).send(&draft).await;
    let sent = sent.map_err(|why| Failure::new(format!("the upload was not answered: {why:?}")))?;
    if !sent.is_success() {
        return Err(Failure::new(format!("the upload was answered {}: {}", sent.status, sent.json())));
    }
    let uploaded = began.elapsed();
    until(&owner, &id, "checked").await?;
    let checked = began.elapsed();
    owner.post(&format!("/v1/account-imports/{id}/publish"), &json!({})).await?;
    until(&owner, &id, "published").await?;
    let published = began.elapsed();
    let (before, after) = peak.end()?;
    let seconds = |time: Duration| Milli(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let rate = Milli(u64::from(accounts) * 1_000_000 / seconds(published).0.max(1));
    let told = format!(
        "{} bytes; uploaded after {:.1} s, checked after {:.1} s, published after {:.1} s",
        file.len(),
        seconds(uploaded),
        seconds(checked),
        seconds(published)
    );
    table.figure(format!("import of {accounts} accounts from CSV"), told, Some((rate, "accounts/s")), None);
    let told = format!("{before:.0} MB before, {after:.0} MB at its peak");
    table.figure("memory of accounts during the import".to_owned(), told, Some((after, "MB RSS")), None);
    export(bench, &owner, accounts, table).await?;
    bench.rest().await.map(drop)
}

/// The export holds a row for each of them.
async fn export(bench: &Bench, owner: &Session, accounts: u32, table: &mut Table) -> Result<()> {
    let began = Instant::now();
    let draft = owner.draft(Method::GET, "/v1/accounts/export.csv").await?;
    let answer = Client::new(&bench.suite.bases).send(&draft).await;
    let answer = answer.map_err(|why| Failure::new(format!("the export was not answered: {why:?}")))?;
    let took = Milli(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    let text = String::from_utf8_lossy(&answer.body);
    let rows = text.lines().filter(|row| row.contains("Imported family ")).count();
    if rows != accounts as usize {
        return Err(Failure::new(format!("of {accounts} imported accounts the export holds {rows}")));
    }
    table.figure("export of all accounts as CSV".to_owned(), format!("{} bytes", text.len()), Some((took, "s")), None);
    Ok(())
}

/// An account with one member in each row.
fn file(accounts: u32) -> String {
    let mut file = "account,kind,name,email,member_first_name,member_last_name,member_born_on\n".to_owned();
    for n in 0..accounts {
        let _ = writeln!(file, "{n},family,Imported family {n},family{n}@import.test,Ann,Of{n},1980-05-01");
    }
    file
}

async fn until(owner: &Session, id: &str, state: &str) -> Result<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let import = owner.get(&format!("/v1/account-imports/{id}")).await?;
        let now = import["state"].as_str().unwrap_or_default();
        if now == state {
            return Ok(import);
        }
        if ["rejected", "failed", "discarded"].contains(&now) || Instant::now() > deadline {
            return Err(Failure::new(format!("the import should be {state}, and is {import}")));
        }
        pause(50).await;
    }
}
