//! Personal data: all that is known of a member, and how it is forgotten.

pub(crate) mod rpc;
pub(crate) mod store;

use crate::Error;
use crate::account::{Account, Details, Kind};
use crate::member::{Member, MemberId, Person, State};

/// A member of whom nothing is known but his number.
pub(crate) fn forgotten(member: Member) -> Member {
    let person = Person {
        first_name: "Member".to_owned(),
        last_name: member.number.to_string(),
        email: None,
        phone: None,
        born_on: None,
        tags: Vec::new(),
    };
    Member { person, age_override: None, state: State::Archived, ..member }
}

/// An account of which nothing is known but its number.
pub(crate) fn nameless(account: Account) -> Account {
    let details = Details {
        name: format!("Account {}", account.number),
        email: None,
        phone: None,
        address: None,
        notes: None,
        primary_member_id: None,
        tags: Vec::new(),
        ..account.details
    };
    Account { details, ..account }
}

/// What is left of an account when a member is forgotten.
#[derive(Debug)]
pub(crate) enum Left {
    AsItWas,
    /// The member is not its first any more.
    Changed(Account),
    /// He was the last of its people, and it is forgotten with him.
    Forgotten(Account),
}

/// The account of people is forgotten with the last of them; a business is more than its people.
pub(crate) fn left_of(account: Account, member: MemberId, others: i64) -> Left {
    let primary_member_id = account.details.primary_member_id.filter(|id| *id != member.uuid());
    if account.details.kind != Kind::Business && others == 0 {
        return Left::Forgotten(nameless(account));
    }
    if primary_member_id == account.details.primary_member_id {
        return Left::AsItWas;
    }
    Left::Changed(Account { details: Details { primary_member_id, ..account.details }, ..account })
}

/// Nobody is forgotten twice.
pub(crate) fn not_yet(number: i64, erased: bool) -> Result<(), Error> {
    if erased { Err(Error::AlreadyErased { number }) } else { Ok(()) }
}
