//! Every way in which identity says no.

use std::fmt::Write;

use identity::Error;
use kit::Refusal;

#[test]
fn the_reasons_and_their_classes_are_known() {
    let violation = || types::Violation::new("name", "is required");
    let errors = [
        Error::ShopChanged,
        Error::LocationNotFound(identity::LocationId::new()),
        Error::LocationNameTaken(String::new()),
        Error::LocationChanged,
        Error::UserNotFound(identity::UserId::new()),
        Error::EmailTaken(String::new()),
        Error::UserChanged,
        Error::UserDisabled,
        Error::UserInvited,
        Error::UserActive,
        Error::UserArchived,
        Error::UserNotInvited,
        Error::InvitationRefused,
        Error::UserNotLocked,
        Error::LastAdmin,
        Error::RoleNotFound(identity::RoleId::new()),
        Error::RoleSlugTaken(String::new()),
        Error::RoleChanged,
        Error::RoleOfSystem(String::new()),
        Error::RoleInUse(String::new()),
        Error::PortalUserNotFound(identity::UserId::new()),
        Error::MemberNotFound(identity::MemberId::new()),
        Error::MemberArchived(identity::MemberId::new()),
        Error::MemberHasPortalUser,
        Error::ApiKeyNotFound(identity::ApiKeyId::new()),
        Error::ApiKeyRevoked,
        Error::ApiKeyRefused,
        Error::PersonRequired,
        Error::RightsBeyondOwn(String::new()),
        Error::PasswordTooCommon,
        Error::PasswordBreached,
        Error::PasswordWrong,
        Error::ResetRefused,
        Error::SignInRefused,
        Error::SecondFactorRequired,
        Error::CodeWrong,
        Error::SecondFactorInUse,
        Error::SecondFactorOff,
        Error::ApprovalRefused,
        Error::ApproverIsActor,
        Error::ApproverLacksPermission("pos.admin"),
        Error::SignInThrottled(std::time::Duration::from_secs(1)),
        Error::SignInBusy,
        Error::RefreshTokenRefused,
        Error::SessionNotFound(identity::SessionId::new()),
        Error::Invalid(violation().into()),
        Error::Field(violation()),
        Error::Fault(kit::Fault::new("x")),
        Error::Db(db::Error::PoolTimedOut),
    ];
    let mut shown = String::new();
    for error in errors {
        writeln!(shown, "identity.lunarfront {} {:?}", error.reason(), error.class()).unwrap();
    }
    insta::assert_snapshot!(shown);
}
