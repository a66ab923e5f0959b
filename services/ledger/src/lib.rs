//! The ledger: the chart of accounts, the journal that events write, proofs, and the tax rates of the shop.

mod error;
mod hears;
mod journal_entry;
mod ledger_account;
mod posting;
mod posting_exception;
mod report;
mod seed;
mod tax_document;
mod tax_rate;

use std::time::Duration;

use async_trait::async_trait;
use db::seal::Chain;
use kit::{App, Fault, Heard, Job, Service, Tx};
use proto::ledger::v1::journal_entry_service_server::JournalEntryServiceServer;
use proto::ledger::v1::ledger_account_service_server::LedgerAccountServiceServer;
use proto::ledger::v1::posting_exception_service_server::PostingExceptionServiceServer;
use proto::ledger::v1::report_service_server::ReportServiceServer;
use proto::ledger::v1::tax_rate_service_server::TaxRateServiceServer;
use proto::ledger::v1::tax_service_server::TaxServiceServer;
use serde::Deserialize;
use sqlx::migrate::Migrator;
use tonic::service::RoutesBuilder;

pub use error::Error;
pub use journal_entry::JournalEntryId;
pub use ledger_account::LedgerAccountId;
pub use tax_rate::TaxRateId;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// How often events that could not be posted are looked at again.
const EXCEPTIONS_EVERY: Duration = Duration::from_secs(10);

/// The service.
pub struct Ledger {
    app: App,
}

/// It needs no settings of its own.
#[derive(Debug, Default, Deserialize)]
pub struct Settings {}

#[async_trait]
impl Service for Ledger {
    const NAME: &'static str = "ledger";
    const APPEND_ONLY: &'static [&'static str] = &["journal_entry", "journal_line"];
    type Settings = Settings;
    type Error = Error;

    fn migrations() -> &'static Migrator {
        &MIGRATIONS
    }

    fn chains() -> Vec<Chain> {
        vec![journal_entry::store::CHAIN]
    }

    async fn open(app: App, Settings {}: Settings) -> Result<Self, String> {
        Ok(Self { app })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let app = || self.app.clone();
        routes
            .add_service(LedgerAccountServiceServer::new(ledger_account::rpc::Rpc { app: app() }))
            .add_service(JournalEntryServiceServer::new(journal_entry::rpc::Rpc { app: app() }))
            .add_service(PostingExceptionServiceServer::new(posting_exception::rpc::Rpc { app: app() }))
            .add_service(ReportServiceServer::new(report::rpc::Rpc { app: app() }))
            .add_service(TaxRateServiceServer::new(tax_rate::rpc::Rpc { app: app() }))
            .add_service(TaxServiceServer::new(tax_document::rpc::Rpc));
    }

    async fn hear(&self, tx: &mut Tx, heard: &Heard) -> Result<(), Error> {
        hears::hear(tx, heard).await
    }

    fn jobs(&self) -> Vec<Job> {
        let app = self.app.clone();
        vec![Job::new("retry_exceptions", EXCEPTIONS_EVERY, move || {
            let app = app.clone();
            async move { hears::retry(&app).await.map_err(Fault::new) }
        })]
    }

    async fn seed(&self) -> Result<(), Fault> {
        seed::fill(&self.app).await.map_err(Fault::new)
    }
}
