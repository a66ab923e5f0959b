//! Accounts: who pays, and the people on whose behalf.

mod account;
mod account_export;
mod account_import;
mod account_merge;
mod address;
mod age_out;
mod audit;
mod change;
mod consent;
mod consent_document;
mod contact;
mod duplicate;
mod error;
mod external_reference;
mod file;
mod hears;
mod identity_document;
mod member;
mod note;
mod payer_share;
mod payment_method;
mod personal_data;
mod phone;
mod phone_number;
mod processor_link;
mod responsible_adult;
mod retention;
mod search;
mod seed;
mod tag;
mod tax_exemption;

use std::time::Duration;

use async_trait::async_trait;
use cipher::{Column, Keys};
use files::{Files, Links};
use kit::config::Secret;
use kit::{App, Command, Fault, Heard, Job, Service, Tx};
use proto::accounts::v1::account_export_service_server::AccountExportServiceServer;
use proto::accounts::v1::account_import_service_server::AccountImportServiceServer;
use proto::accounts::v1::account_merge_service_server::AccountMergeServiceServer;
use proto::accounts::v1::account_service_server::AccountServiceServer;
use proto::accounts::v1::address_service_server::AddressServiceServer;
use proto::accounts::v1::consent_document_service_server::ConsentDocumentServiceServer;
use proto::accounts::v1::consent_service_server::ConsentServiceServer;
use proto::accounts::v1::contact_service_server::ContactServiceServer;
use proto::accounts::v1::duplicate_service_server::DuplicateServiceServer;
use proto::accounts::v1::external_reference_service_server::ExternalReferenceServiceServer;
use proto::accounts::v1::file_service_server::FileServiceServer;
use proto::accounts::v1::identity_document_service_server::IdentityDocumentServiceServer;
use proto::accounts::v1::member_service_server::MemberServiceServer;
use proto::accounts::v1::note_service_server::NoteServiceServer;
use proto::accounts::v1::payer_share_service_server::PayerShareServiceServer;
use proto::accounts::v1::payment_method_service_server::PaymentMethodServiceServer;
use proto::accounts::v1::personal_data_service_server::PersonalDataServiceServer;
use proto::accounts::v1::phone_number_service_server::PhoneNumberServiceServer;
use proto::accounts::v1::processor_link_service_server::ProcessorLinkServiceServer;
use proto::accounts::v1::responsible_adult_service_server::ResponsibleAdultServiceServer;
use proto::accounts::v1::tag_service_server::TagServiceServer;
use proto::accounts::v1::tax_exemption_service_server::TaxExemptionServiceServer;
use serde::Deserialize;
use sqlx::migrate::Migrator;
use tonic::service::RoutesBuilder;

pub use account::AccountId;
pub use account_import::AccountImportId;
pub use account_merge::owned::{Follows, OWNED, Owned};
pub use account_merge::{AccountMergeId, Conflict};
pub use address::AddressId;
pub use consent::{ConsentId, State as ConsentState};
pub use consent_document::ConsentDocumentId;
pub use contact::ContactId;
pub use duplicate::Candidate;
pub use error::Error;
pub use external_reference::ExternalReferenceId;
pub use file::FileId;
pub use identity_document::IdentityDocumentId;
pub use member::MemberId;
pub use note::NoteId;
pub use payment_method::PaymentMethodId;
pub use phone_number::PhoneNumberId;
pub use processor_link::ProcessorLinkId;
pub use responsible_adult::ResponsibleAdultId;
pub use tax_exemption::{State as TaxExemptionState, TaxExemptionId};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// The service.
pub struct Accounts {
    app: App,
    settings: Settings,
    /// What seals the numbers of documents and sensitive notes.
    keys: Keys,
    files: Files,
    /// What signs links to files.
    link_keys: Keys,
}

/// Settings of its own.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// Wraps the data keys of sealed fields: `id=<32 bytes in base64>`, the first is current.
    pub field_key: Secret<String>,
    /// Where files are kept: `file:<directory>` or the address of a bucket.
    pub files_url: Secret<String>,
    /// Days for which identity documents are kept after they expired; 0 is for ever.
    #[serde(default = "year")]
    pub retention_documents_days: u32,
    /// Days for which imports wait to be published.
    #[serde(default = "month")]
    pub retention_imports_days: u32,
    /// Days for which sensitive notes are kept.
    #[serde(default)]
    pub retention_sensitive_notes_days: u32,
}

impl Settings {
    /// Those that nobody has to set are as they come.
    pub fn new(field_key: Secret<String>, files_url: Secret<String>) -> Self {
        Self {
            field_key,
            files_url,
            retention_documents_days: year(),
            retention_imports_days: month(),
            retention_sensitive_notes_days: 0,
        }
    }

    fn retention(&self) -> retention::Retention {
        retention::Retention {
            documents_days: self.retention_documents_days,
            imports_days: self.retention_imports_days,
            sensitive_notes_days: self.retention_sensitive_notes_days,
        }
    }
}

fn year() -> u32 {
    365
}

fn month() -> u32 {
    30
}

impl Accounts {
    fn sweeper(&self) -> file::sweep::Sweeper {
        file::sweep::Sweeper::new(self.app.clone(), self.files.clone())
    }
}

#[async_trait]
impl Service for Accounts {
    const NAME: &'static str = "accounts";
    const APPEND_ONLY: &'static [&'static str] = &["consent_document", "consent", "consent_step"];
    type Settings = Settings;
    type Error = Error;

    fn migrations() -> &'static Migrator {
        &MIGRATIONS
    }

    async fn open(app: App, settings: Settings) -> Result<Self, String> {
        let keys = Keys::load(&app, "personal", &settings.field_key).await?;
        let link_keys = Keys::load(&app, "file-links", &settings.field_key).await?;
        let files = Files::open(&settings.files_url)?;
        Ok(Self { app, settings, keys, files, link_keys })
    }

    fn routes(&self, routes: &mut RoutesBuilder) {
        let (db, keys, sweeper) = (|| self.app.db.clone(), || self.keys.clone(), || self.sweeper());
        routes
            .add_service(AccountServiceServer::new(account::rpc::Rpc { db: db() }))
            .add_service(AccountExportServiceServer::new(account_export::rpc::Rpc {
                db: db(),
                clock: self.app.clock.clone(),
            }))
            .add_service(AccountImportServiceServer::new(account_import::rpc::Rpc { db: db() }))
            .add_service(FileServiceServer::new(file::rpc::Rpc {
                db: db(),
                files: self.files.clone(),
                links: Links::new(self.link_keys.clone()),
                sweeper: sweeper(),
            }))
            .add_service(IdentityDocumentServiceServer::new(identity_document::rpc::Rpc {
                db: db(),
                keys: keys(),
                sweeper: sweeper(),
            }))
            .add_service(NoteServiceServer::new(note::rpc::Rpc { db: db(), keys: keys() }))
            .add_service(PersonalDataServiceServer::new(personal_data::rpc::Rpc {
                app: self.app.clone(),
                keys: keys(),
                sweeper: sweeper(),
            }))
            .add_service(MemberServiceServer::new(member::rpc::Rpc { db: db() }))
            .add_service(AccountMergeServiceServer::new(account_merge::rpc::Rpc { db: db() }))
            .add_service(DuplicateServiceServer::new(duplicate::rpc::Rpc { db: db() }))
            .add_service(TagServiceServer::new(tag::rpc::Rpc { db: db() }))
            .add_service(ExternalReferenceServiceServer::new(external_reference::rpc::Rpc { db: db() }))
            .add_service(ProcessorLinkServiceServer::new(processor_link::rpc::Rpc { db: db() }))
            .add_service(PayerShareServiceServer::new(payer_share::rpc::Rpc { db: db() }))
            .add_service(PaymentMethodServiceServer::new(payment_method::rpc::Rpc { db: db() }))
            .add_service(ResponsibleAdultServiceServer::new(responsible_adult::rpc::Rpc { db: db() }))
            .add_service(ConsentServiceServer::new(consent::rpc::Rpc { db: db() }))
            .add_service(ConsentDocumentServiceServer::new(consent_document::rpc::Rpc { db: db() }))
            .add_service(ContactServiceServer::new(contact::rpc::Rpc { db: db() }))
            .add_service(AddressServiceServer::new(address::rpc::Rpc { db: db() }))
            .add_service(PhoneNumberServiceServer::new(phone_number::rpc::Rpc { db: db() }))
            .add_service(TaxExemptionServiceServer::new(tax_exemption::rpc::Rpc { db: db() }));
    }

    async fn hear(&self, tx: &mut Tx, heard: &Heard) -> Result<(), Error> {
        hears::hear(tx, heard).await
    }

    fn jobs(&self) -> Vec<Job> {
        let (db, app) = (self.app.db.clone(), self.app.clone());
        vec![
            Job::new("forget-account-counts", Duration::from_secs(60), move || {
                let db = db.clone();
                async move { Ok(account::store::forget_counts(&mut *db.background().await?).await?) }
            }),
            Job::new("account-imports", Duration::from_secs(1), move || {
                let app = app.clone();
                async move { account_import::work::work(&app).await.map_err(Fault::new) }
            })
            .within(Duration::from_secs(1800)),
            identity_document::job::job(&self.app),
            self.sweeper().job(),
            retention::job::job(&self.app, self.settings.retention()),
            age_out::job::job(&self.app),
            consent::sweep::job(&self.app),
            responsible_adult::hand_over::job(&self.app),
            tax_exemption::sweep::job(&self.app),
        ]
    }

    fn commands(&self) -> Vec<Command> {
        let sealed = ["note", "identity_document"].map(|table| Column::new(table, "sealed"));
        vec![cipher::command(vec![(self.keys.clone(), sealed.to_vec()), (self.link_keys.clone(), Vec::new())])]
    }

    async fn seed(&self) -> Result<(), Fault> {
        seed::fill(&self.app).await.map_err(Fault::new)
    }
}
