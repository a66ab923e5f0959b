//! Why accounts says no.

use kit::client::{Answer, Refused};
use kit::{Class, Fault, NotApproved, Refusal};
use types::{Violation, Violations};

use crate::account::AccountId;
use crate::account_import::AccountImportId;
use crate::account_merge::{self, AccountMergeId, Conflict};
use crate::address::AddressId;
use crate::consent::{self, ConsentId};
use crate::consent_document::ConsentDocumentId;
use crate::contact::ContactId;
use crate::duplicate::{self, Candidate};
use crate::external_reference::ExternalReferenceId;
use crate::file::FileId;
use crate::identity_document::IdentityDocumentId;
use crate::member::MemberId;
use crate::note::NoteId;
use crate::payment_method::PaymentMethodId;
use crate::phone_number::PhoneNumberId;
use crate::processor_link::ProcessorLinkId;
use crate::responsible_adult::ResponsibleAdultId;
use crate::tax_exemption::{self, TaxExemptionId};

/// The refusals of this service; the variant's name is the reason on the wire.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Error {
    #[error("no account {0}")]
    AccountNotFound(AccountId),
    #[error("no member {0}")]
    MemberNotFound(MemberId),
    #[error("no identity document {0}")]
    IdentityDocumentNotFound(IdentityDocumentId),
    #[error("no file {0}")]
    FileNotFound(FileId),
    #[error("the file was changed meanwhile; read it again")]
    FileChanged,
    #[error("this link opens no file, or its time is over; ask for a new one")]
    FileLinkNotFound,
    #[error(transparent)]
    Upload(#[from] files::Refused),
    #[error("{0}")]
    NotApproved(#[from] NotApproved),
    #[error("no note {0}")]
    NoteNotFound(NoteId),
    #[error("no import {0}")]
    AccountImportNotFound(AccountImportId),
    #[error("the account was changed meanwhile; read it again")]
    AccountChanged,
    #[error("the member was changed meanwhile; read it again")]
    MemberChanged,
    #[error("the identity document was changed meanwhile; read it again")]
    IdentityDocumentChanged,
    #[error("this document of the member is recorded already")]
    IdentityDocumentKnown,
    #[error("member {number} was erased; nothing is known of him any more")]
    AlreadyErased { number: i64 },
    #[error("the member was erased, and nothing is written down of him any more")]
    Erased,
    #[error("the import was changed meanwhile; read it again")]
    AccountImportChanged,
    #[error("the import is {state}; that cannot be done any more, or not yet")]
    ImportInOtherState { state: &'static str },
    #[error("{bytes} bytes are there; go on from there")]
    PartOutOfPlace { bytes: i64 },
    #[error("a file may have 64 MiB, and a piece of it 1 MiB")]
    ContentTooLarge,
    #[error("member {number} is archived")]
    MemberArchived { number: i64 },
    #[error("no responsible adult {0}")]
    ResponsibleAdultNotFound(ResponsibleAdultId),
    #[error("the responsible adult was changed meanwhile; read it again")]
    ResponsibleAdultChanged,
    #[error("this adult answers for the member already")]
    ResponsibleAdultExists,
    #[error("this adult does not answer for the member any more")]
    ResponsibleAdultEnded,
    #[error("a member under age would have no responsible adult left; name another one first")]
    LastResponsibleAdult,
    #[error("who answers for others must be known to be of age; write down the date of birth first")]
    AdultNotOfAge,
    #[error("member {number} is of age and answers for himself")]
    MemberOfAge { number: i64 },
    #[error("no consent {0}")]
    ConsentNotFound(ConsentId),
    #[error("no consent document {0}")]
    ConsentDocumentNotFound(ConsentDocumentId),
    #[error("the consent was changed meanwhile; read it again")]
    ConsentChanged,
    #[error("the member was asked for this already; that consent is still open or granted")]
    ConsentOpen,
    #[error("this cannot be done with a consent that is {state}")]
    ConsentSettled { state: consent::State },
    #[error("there is a newer text; show that one")]
    ConsentTextOutdated,
    #[error(
        "he may not decide this: for somebody under age a responsible adult does who may consent, for who is of age only \
         he himself"
    )]
    MayNotConsent,
    #[error("the member is the primary member of the account; name another one first")]
    PrimaryMember,
    #[error("no contact {0}")]
    ContactNotFound(ContactId),
    #[error("the contact was changed meanwhile; read it again")]
    ContactChanged,
    #[error("no address {0}")]
    AddressNotFound(AddressId),
    #[error("the address was changed meanwhile; read it again")]
    AddressChanged,
    #[error("no phone number {0}")]
    PhoneNumberNotFound(PhoneNumberId),
    #[error("the phone number was changed meanwhile; read it again")]
    PhoneNumberChanged,
    #[error("this phone number is there already")]
    PhoneNumberExists,
    #[error("no tax exemption {0}")]
    TaxExemptionNotFound(TaxExemptionId),
    #[error("the tax exemption was changed meanwhile; read it again")]
    TaxExemptionChanged,
    #[error("the account has a tax exemption that waits or holds already")]
    TaxExemptionExists,
    #[error("this cannot be done with a tax exemption that is {state}")]
    TaxExemptionSettled { state: tax_exemption::State },
    #[error("account {number} is archived; restore it first")]
    AccountArchived { number: i64 },
    #[error("{number} is archived already")]
    AlreadyArchived { number: i64 },
    #[error("account {number} is not archived")]
    NotArchived { number: i64 },
    #[error("no account has the number {0}")]
    AccountNumberNotFound(i64),
    #[error("account {number} was merged into {into}; use that one")]
    AccountMerged { number: i64, into: AccountId },
    #[error("this may be somebody who is known already; look at the accounts named")]
    PossibleDuplicates(Vec<Candidate>),
    #[error("no merge {0}")]
    AccountMergeNotFound(AccountMergeId),
    #[error("the merge was changed meanwhile; read it again")]
    AccountMergeChanged,
    #[error("some of this cannot stand beside what the other account has; settle that first")]
    MergeConflicts(Vec<Conflict>),
    #[error("this merge is undone already")]
    AlreadyUndone,
    #[error("account {number} was itself merged since; undo that first")]
    MergedOnward { number: i64 },
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
    Refused(#[from] Refused),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Db(db::Error),
}

/// What the database's own rules refuse, also at the very end, when a transaction commits.
impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error.as_database_error().and_then(|violated| violated.constraint()) {
            Some("member_responsible_adult_check") => Self::LastResponsibleAdult,
            Some("responsible_adult_adult_check") => Self::AdultNotOfAge,
            Some("responsible_adult_pair_key") => Self::ResponsibleAdultExists,
            Some("consent_open_key") => Self::ConsentOpen,
            Some("consent_step_grantor_check") => Self::MayNotConsent,
            Some("tax_exemption_live_key") => Self::TaxExemptionExists,
            Some(
                "account_primary_member_stays_check" | "account_primary_member_check" | "account_primary_member_fkey",
            ) => Self::PrimaryMember,
            Some("phone_number_account_key" | "phone_number_member_key") => Self::PhoneNumberExists,
            _ => Self::Db(error),
        }
    }
}

impl Refusal for Error {
    fn class(&self) -> Class {
        match self {
            Self::AccountNotFound(_)
            | Self::MemberNotFound(_)
            | Self::ResponsibleAdultNotFound(_)
            | Self::AccountImportNotFound(_)
            | Self::AccountNumberNotFound(_)
            | Self::AccountMergeNotFound(_)
            | Self::ExternalReferenceNotFound(_)
            | Self::ProcessorLinkNotFound(_)
            | Self::PaymentMethodNotFound(_)
            | Self::ConsentNotFound(_)
            | Self::ConsentDocumentNotFound(_)
            | Self::ContactNotFound(_)
            | Self::AddressNotFound(_)
            | Self::PhoneNumberNotFound(_)
            | Self::TaxExemptionNotFound(_)
            | Self::IdentityDocumentNotFound(_)
            | Self::FileNotFound(_)
            | Self::FileLinkNotFound
            | Self::NoteNotFound(_) => Class::NotFound,
            Self::AccountChanged
            | Self::MemberChanged
            | Self::ResponsibleAdultChanged
            | Self::AccountImportChanged
            | Self::PaymentMethodChanged
            | Self::AccountMergeChanged
            | Self::ConsentChanged
            | Self::ContactChanged
            | Self::AddressChanged
            | Self::PhoneNumberChanged
            | Self::TaxExemptionChanged
            | Self::IdentityDocumentChanged
            | Self::FileChanged => Class::Stale,
            Self::ExternalIdTaken
            | Self::ProcessorCustomerTaken
            | Self::PaymentMethodExists
            | Self::ResponsibleAdultExists
            | Self::ConsentOpen
            | Self::PhoneNumberExists
            | Self::TaxExemptionExists
            | Self::IdentityDocumentKnown => Class::Exists,
            Self::AccountArchived { .. }
            | Self::AlreadyArchived { .. }
            | Self::NotArchived { .. }
            | Self::AlreadyErased { .. }
            | Self::Erased
            | Self::ImportInOtherState { .. }
            | Self::PartOutOfPlace { .. }
            | Self::ContentTooLarge
            | Self::AccountMerged { .. }
            | Self::PossibleDuplicates(_)
            | Self::MergeConflicts(_)
            | Self::AlreadyUndone
            | Self::MergedOnward { .. }
            | Self::PaymentMethodInUse
            | Self::MemberArchived { .. }
            | Self::ResponsibleAdultEnded
            | Self::LastResponsibleAdult
            | Self::AdultNotOfAge
            | Self::MemberOfAge { .. }
            | Self::ConsentSettled { .. }
            | Self::ConsentTextOutdated
            | Self::PrimaryMember
            | Self::MayNotConsent
            | Self::TaxExemptionSettled { .. } => Class::Conflict,
            Self::Upload(refused) => refused.class(),
            Self::NotApproved(refused) => refused.class(),
            Self::Invalid(_) | Self::Field(_) => Class::Invalid,
            Self::Refused(refused) => refused.class(),
            Self::Fault(_) => Class::Fault,
            Self::Db(error) => Class::of_database(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Field(_) => "INVALID",
            Self::Upload(refused) => refused.reason(),
            Self::NotApproved(refused) => refused.reason(),
            other => other.into(),
        }
    }

    fn passed_on(&self) -> Option<Answer> {
        match self {
            Self::Refused(refused) => refused.passed_on(),
            Self::Upload(refused) => refused.passed_on(),
            _ => None,
        }
    }

    fn violations(&self) -> Option<Violations> {
        match self {
            Self::Invalid(violations) => Some(violations.clone()),
            Self::PossibleDuplicates(known) => Some(duplicate::named(known)),
            Self::MergeConflicts(conflicts) => Some(account_merge::named(conflicts)),
            Self::Field(violation) => Some(violation.clone().into()),
            _ => None,
        }
    }
}
