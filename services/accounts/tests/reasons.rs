use accounts::{
    AccountId, AccountImportId, AccountMergeId, Accounts, AddressId, ConsentDocumentId, ConsentId, ConsentState,
    ContactId, Error, ExternalReferenceId, FileId, IdentityDocumentId, MemberId, NoteId, PaymentMethodId,
    PhoneNumberId, ProcessorLinkId, ResponsibleAdultId, TaxExemptionId, TaxExemptionState,
};
use kit::{Fault, NotApproved, Refusal, Service};
use types::{Violation, Violations};

use crate::house;

#[test]
fn every_refusal_has_its_reason_and_class() {
    let violation = || Violation::new("name", "is required");
    let all = [
        Error::AccountNotFound(AccountId::new()),
        Error::MemberNotFound(MemberId::new()),
        Error::IdentityDocumentNotFound(IdentityDocumentId::new()),
        Error::FileNotFound(FileId::new()),
        Error::FileChanged,
        Error::FileLinkNotFound,
        Error::Upload(files::Refused::FileEmpty),
        Error::NotApproved(NotApproved::ApprovalNeeded("accounts.admin")),
        Error::NoteNotFound(NoteId::new()),
        Error::AccountImportNotFound(AccountImportId::new()),
        Error::AccountChanged,
        Error::MemberChanged,
        Error::IdentityDocumentChanged,
        Error::IdentityDocumentKnown,
        Error::AlreadyErased { number: 100_001 },
        Error::Erased,
        Error::AccountImportChanged,
        Error::ImportInOtherState { state: "open" },
        Error::PartOutOfPlace { bytes: 7 },
        Error::ContentTooLarge,
        Error::ResponsibleAdultNotFound(ResponsibleAdultId::new()),
        Error::ResponsibleAdultChanged,
        Error::ResponsibleAdultExists,
        Error::ResponsibleAdultEnded,
        Error::LastResponsibleAdult,
        Error::AdultNotOfAge,
        Error::MemberOfAge { number: 100_001 },
        Error::MemberArchived { number: 100_001 },
        Error::ConsentNotFound(ConsentId::new()),
        Error::ConsentDocumentNotFound(ConsentDocumentId::new()),
        Error::ConsentChanged,
        Error::ConsentOpen,
        Error::ConsentSettled { state: ConsentState::Granted },
        Error::ConsentTextOutdated,
        Error::MayNotConsent,
        Error::PrimaryMember,
        Error::ContactNotFound(ContactId::new()),
        Error::ContactChanged,
        Error::AddressNotFound(AddressId::new()),
        Error::AddressChanged,
        Error::PhoneNumberNotFound(PhoneNumberId::new()),
        Error::PhoneNumberChanged,
        Error::PhoneNumberExists,
        Error::TaxExemptionNotFound(TaxExemptionId::new()),
        Error::TaxExemptionChanged,
        Error::TaxExemptionExists,
        Error::TaxExemptionSettled { state: TaxExemptionState::Revoked },
        Error::AccountArchived { number: 100_001 },
        Error::AlreadyArchived { number: 100_001 },
        Error::NotArchived { number: 100_001 },
        Error::AccountNumberNotFound(100_001),
        Error::AccountMerged { number: 100_001, into: AccountId::new() },
        Error::PossibleDuplicates(Vec::new()),
        Error::AccountMergeNotFound(AccountMergeId::new()),
        Error::AccountMergeChanged,
        Error::MergeConflicts(Vec::new()),
        Error::AlreadyUndone,
        Error::MergedOnward { number: 100_001 },
        Error::ExternalReferenceNotFound(ExternalReferenceId::new()),
        Error::ExternalIdTaken,
        Error::ProcessorLinkNotFound(ProcessorLinkId::new()),
        Error::ProcessorCustomerTaken,
        Error::PaymentMethodNotFound(PaymentMethodId::new()),
        Error::PaymentMethodChanged,
        Error::PaymentMethodExists,
        Error::PaymentMethodInUse,
        Error::Invalid(Violations::from(violation())),
        Error::Field(violation()),
        Error::Fault(Fault::new("a bug")),
        Error::Db(db::Error::RowNotFound),
    ];
    let lines: Vec<String> =
        all.iter().map(|error| format!("accounts {} {:?}", error.reason(), error.class())).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    accounts ACCOUNT_NOT_FOUND NotFound
    accounts MEMBER_NOT_FOUND NotFound
    accounts IDENTITY_DOCUMENT_NOT_FOUND NotFound
    accounts FILE_NOT_FOUND NotFound
    accounts FILE_CHANGED Stale
    accounts FILE_LINK_NOT_FOUND NotFound
    accounts FILE_EMPTY Invalid
    accounts APPROVAL_NEEDED Forbidden
    accounts NOTE_NOT_FOUND NotFound
    accounts ACCOUNT_IMPORT_NOT_FOUND NotFound
    accounts ACCOUNT_CHANGED Stale
    accounts MEMBER_CHANGED Stale
    accounts IDENTITY_DOCUMENT_CHANGED Stale
    accounts IDENTITY_DOCUMENT_KNOWN Exists
    accounts ALREADY_ERASED Conflict
    accounts ERASED Conflict
    accounts ACCOUNT_IMPORT_CHANGED Stale
    accounts IMPORT_IN_OTHER_STATE Conflict
    accounts PART_OUT_OF_PLACE Conflict
    accounts CONTENT_TOO_LARGE Conflict
    accounts RESPONSIBLE_ADULT_NOT_FOUND NotFound
    accounts RESPONSIBLE_ADULT_CHANGED Stale
    accounts RESPONSIBLE_ADULT_EXISTS Exists
    accounts RESPONSIBLE_ADULT_ENDED Conflict
    accounts LAST_RESPONSIBLE_ADULT Conflict
    accounts ADULT_NOT_OF_AGE Conflict
    accounts MEMBER_OF_AGE Conflict
    accounts MEMBER_ARCHIVED Conflict
    accounts CONSENT_NOT_FOUND NotFound
    accounts CONSENT_DOCUMENT_NOT_FOUND NotFound
    accounts CONSENT_CHANGED Stale
    accounts CONSENT_OPEN Exists
    accounts CONSENT_SETTLED Conflict
    accounts CONSENT_TEXT_OUTDATED Conflict
    accounts MAY_NOT_CONSENT Conflict
    accounts PRIMARY_MEMBER Conflict
    accounts CONTACT_NOT_FOUND NotFound
    accounts CONTACT_CHANGED Stale
    accounts ADDRESS_NOT_FOUND NotFound
    accounts ADDRESS_CHANGED Stale
    accounts PHONE_NUMBER_NOT_FOUND NotFound
    accounts PHONE_NUMBER_CHANGED Stale
    accounts PHONE_NUMBER_EXISTS Exists
    accounts TAX_EXEMPTION_NOT_FOUND NotFound
    accounts TAX_EXEMPTION_CHANGED Stale
    accounts TAX_EXEMPTION_EXISTS Exists
    accounts TAX_EXEMPTION_SETTLED Conflict
    accounts ACCOUNT_ARCHIVED Conflict
    accounts ALREADY_ARCHIVED Conflict
    accounts NOT_ARCHIVED Conflict
    accounts ACCOUNT_NUMBER_NOT_FOUND NotFound
    accounts ACCOUNT_MERGED Conflict
    accounts POSSIBLE_DUPLICATES Conflict
    accounts ACCOUNT_MERGE_NOT_FOUND NotFound
    accounts ACCOUNT_MERGE_CHANGED Stale
    accounts MERGE_CONFLICTS Conflict
    accounts ALREADY_UNDONE Conflict
    accounts MERGED_ONWARD Conflict
    accounts EXTERNAL_REFERENCE_NOT_FOUND NotFound
    accounts EXTERNAL_ID_TAKEN Exists
    accounts PROCESSOR_LINK_NOT_FOUND NotFound
    accounts PROCESSOR_CUSTOMER_TAKEN Exists
    accounts PAYMENT_METHOD_NOT_FOUND NotFound
    accounts PAYMENT_METHOD_CHANGED Stale
    accounts PAYMENT_METHOD_EXISTS Exists
    accounts PAYMENT_METHOD_IN_USE Conflict
    accounts INVALID Invalid
    accounts INVALID Invalid
    accounts FAULT Fault
    accounts DB Fault
    ");
    let with_fields = all.iter().filter(|error| error.violations().is_some()).count();
    assert_eq!(with_fields, 4);
}

#[tokio::test]
async fn the_runtime_role_may_do_what_it_must_and_no_more() {
    let house = house().await;
    let mut conn = house.app.db.read().await.unwrap();
    let wrong =
        db::check_role(&mut conn, "accounts", &[&["audit", "seal"], <Accounts as Service>::APPEND_ONLY].concat())
            .await
            .unwrap();
    assert_eq!(wrong, Vec::<String>::new());
}
