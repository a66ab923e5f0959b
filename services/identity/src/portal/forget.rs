//! A member who wants to be forgotten: nobody signs in for him any more, and nothing of his is kept here.

use kit::Tx;

use super::{MemberId, store};
use crate::Error;
use crate::user::rpc::{end_access, save};
use crate::user::{Person, State, User};

/// Who is called by his number from now on, and can be reached nowhere.
fn forgotten(user: User, number: &str) -> User {
    let person = Person {
        // A domain that nobody can have (RFC 2606); the id makes it unique.
        email: format!("{}@forgotten.invalid", user.id),
        first_name: "Member".to_owned(),
        last_name: number.to_owned(),
    };
    User { person, state: State::Archived, ..user }
}

/// Forgets all portal users of a member, also those that were archived before, and what was told of them.
pub(crate) async fn forget(tx: &mut Tx, member: MemberId, number: &str) -> Result<(), Error> {
    for user in store::lock_all_of(tx, member).await? {
        let known = save(tx, &user, forgotten(user.clone(), number)).await?;
        end_access(tx, known.id, "the member was forgotten").await?;
        store::forget_told(tx, known.id).await?;
    }
    Ok(())
}
