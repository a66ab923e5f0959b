//! Invitations: how somebody comes to a first password that nobody else knows.

pub(crate) mod rpc;
pub(crate) mod store;

use chrono::TimeDelta;
use mail::Letter;

use crate::user::Person;

/// How long a letter opens the door, unless it is used or another is written.
pub(crate) const LIFE: TimeDelta = TimeDelta::days(7);

/// The letter that lets somebody choose a password.
pub(crate) fn letter(shop: &str, person: &Person, url: &str) -> Letter {
    Letter::new("invitation", person.email.as_str(), format!("Your access to {shop}"))
        .paragraph(format!("Hello {},", person.first_name))
        .paragraph(format!("{shop} has invited you. Choose a password, and you can sign in with this address."))
        .link("Choose a password", url)
        .paragraph("The link works once, within seven days. If you expect nothing from us, forget this letter.")
}
