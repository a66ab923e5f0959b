//! Why accounts says no.

use kit::{Class, Fault, Refusal};
use types::{Violation, Violations};

use crate::account::AccountId;
use crate::account_import::AccountImportId;
use crate::external_reference::ExternalReferenceId;
use crate::member::MemberId;
use crate::payment_method::PaymentMethodId;
use crate::processor_link::ProcessorLinkId;

/// The refusals of this service; the variant's name is the reason on the wire.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Error {
    #[error("no account {0}")]
    AccountNotFound(AccountId),
    #[error("no member {0}")]
    MemberNotFound(MemberId),
    #[error("no import {0}")]
    AccountImportNotFound(AccountImportId),
    #[error("the account was changed meanwhile; read it again")]
    AccountChanged,
    #[error("the member was changed meanwhile; read it again")]
    MemberChanged,
    #[error("the import was changed meanwhile; read it again")]
    AccountImportChanged,
    #[error("the import is {state}; that cannot be done any more, or not yet")]
    ImportInOtherState { state: &'static str },
    #[error("{bytes} bytes are there; go on from there")]
    PartOutOfPlace { bytes: i64 },
    #[error("a file may have 64 MiB, and a piece of it 1 MiB")]
    ContentTooLarge,
    #[error("account {number} is archived; restore it first")]
    AccountArchived { number: i64 },
    #[error("{number} is archived already")]
    AlreadyArchived { number: i64 },
    #[error("account {number} is not archived")]
    NotArchived { number: i64 },
    #[error("no external reference {0}")]
    ExternalReferenceNotFound(ExternalReferenceId),
    #[error("this external id belongs to another account; remove it there first")]
    ExternalIdTaken,
    #[error("no processor link {0}")]
    ProcessorLinkNotFound(ProcessorLinkId),
    #[error("this customer of the processor is linked to an account already")]
    ProcessorCustomerTaken,
    #[error("no payment method {0}")]
    PaymentMethodNotFound(PaymentMethodId),
    #[error("the payment method was changed meanwhile; read it again")]
    PaymentMethodChanged,
    #[error("this payment method is on an account already")]
    PaymentMethodExists,
    #[error("a live contract is charged by this payment method; give the contract another one first")]
    PaymentMethodInUse,
    #[error("{0}")]
    Invalid(#[from] Violations),
    #[error("{0}")]
    Field(#[from] Violation),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Refusal for Error {
    fn class(&self) -> Class {
        match self {
            Self::AccountNotFound(_)
            | Self::MemberNotFound(_)
            | Self::AccountImportNotFound(_)
            | Self::ExternalReferenceNotFound(_)
            | Self::ProcessorLinkNotFound(_)
            | Self::PaymentMethodNotFound(_) => Class::NotFound,
            Self::ExternalIdTaken | Self::ProcessorCustomerTaken | Self::PaymentMethodExists => Class::Exists,
            Self::AccountChanged | Self::MemberChanged | Self::AccountImportChanged | Self::PaymentMethodChanged => {
                Class::Stale
            }
            Self::AccountArchived { .. }
            | Self::AlreadyArchived { .. }
            | Self::NotArchived { .. }
            | Self::ImportInOtherState { .. }
            | Self::PartOutOfPlace { .. }
            | Self::ContentTooLarge
            | Self::PaymentMethodInUse => Class::Conflict,
            Self::Invalid(_) | Self::Field(_) => Class::Invalid,
            Self::Fault(_) => Class::Fault,
            Self::Db(error) => Class::of_database(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Field(_) => "INVALID",
            other => other.into(),
        }
    }

    fn violations(&self) -> Option<Violations> {
        match self {
            Self::Invalid(violations) => Some(violations.clone()),
            Self::Field(violation) => Some(violation.clone().into()),
            _ => None,
        }
    }
}
