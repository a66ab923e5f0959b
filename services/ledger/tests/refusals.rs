//! Who may not, and how the ledger says no.

use std::fmt::Write;

use kit::{Fault, Refusal};
use ledger::{Error, JournalEntryId, LedgerAccountId, TaxRateId};
use strum::VariantNames;
use types::{Violation, Violations};

use crate::support::open;

#[tokio::test]
async fn every_rpc_refuses_whom_it_must() {
    open().await.refuses_whom_it_must().await;
}

#[tokio::test]
async fn a_card_number_is_refused_in_every_text() {
    open().await.refuses_card_numbers(250).await;
}

#[test]
fn every_reason_and_its_class() {
    let id = types::uuid::Uuid::nil();
    let all = [
        Error::LedgerAccountNotFound(LedgerAccountId::from_uuid(id)),
        Error::JournalEntryNotFound(JournalEntryId::from_uuid(id)),
        Error::JournalEntryReversed(JournalEntryId::from_uuid(id)),
        Error::ControlAccount { number: 7, account: "Inventory".to_owned() },
        Error::TaxRateNotFound(TaxRateId::from_uuid(id)),
        Error::TaxRateTaken("Sales tax".to_owned()),
        Error::TaxRateRetired(TaxRateId::from_uuid(id)),
        Error::TaxRateChanged,
        Error::Invalid(Violations::default()),
        Error::Field(Violation::new("id", "is required")),
        Error::Fault(Fault::new("")),
        Error::Db(db::Error::RowNotFound),
    ];
    assert_eq!(all.len(), Error::VARIANTS.len());
    let mut table = String::new();
    for error in all {
        writeln!(table, "ledger {} {:?}", error.reason(), error.class()).unwrap();
    }
    insta::assert_snapshot!(table);
}
