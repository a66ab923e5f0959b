//! Events of others.

use kit::{Heard, Tx};
use proto::Event;
use proto::accounts::v1 as accounts;

use crate::Error;
use crate::portal::forget::forget;
use crate::portal::rpc::{follow_account, follow_guardian, follow_member};
use crate::portal::{AccountId, Guardian, GuardianId, Member, MemberId};

/// Portal users follow their members: every event carries the whole, and the newest version wins.
pub(crate) async fn hear(tx: &mut Tx, heard: &Heard) -> Result<(), Error> {
    match heard.kind.as_str() {
        accounts::MemberChanged::KIND => {
            let event: accounts::MemberChanged = heard.decode()?;
            if let Some(told) = &event.member {
                follow_member(tx, &member(told)?, event.version).await?;
            }
        }
        accounts::MemberErased::KIND => {
            let event: accounts::MemberErased = heard.decode()?;
            forget(tx, MemberId::parse("member_id", &event.member_id)?, &event.number).await?;
        }
        accounts::AccountChanged::KIND => {
            let event: accounts::AccountChanged = heard.decode()?;
            if let Some(told) = &event.account {
                // Members of an account that is merged into another go there by themselves.
                let is_active = told.state() != accounts::account::State::Archived;
                follow_account(tx, AccountId::parse("account.id", &told.id)?, is_active, event.version).await?;
            }
        }
        accounts::ResponsibleAdultChanged::KIND => {
            let event: accounts::ResponsibleAdultChanged = heard.decode()?;
            if let Some(told) = &event.responsible_adult {
                follow_guardian(tx, &guardian(told)?, event.version).await?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn member(told: &accounts::Member) -> Result<Member, Error> {
    Ok(Member {
        id: MemberId::parse("member.id", &told.id)?,
        account_id: AccountId::parse("member.account_id", &told.account_id)?,
        first_name: told.first_name.clone(),
        last_name: told.last_name.clone(),
        email: told.email.clone().filter(|email| !email.is_empty()),
        is_minor: told.is_minor,
        is_active: told.state() == accounts::member::State::Active,
    })
}

fn guardian(told: &accounts::ResponsibleAdult) -> Result<Guardian, Error> {
    use accounts::responsible_adult::{Power, State};
    let in_portal = told.state() == State::Active && told.powers().any(|power| power == Power::Portal);
    Ok(Guardian {
        id: GuardianId::parse("responsible_adult.id", &told.id)?,
        member_id: MemberId::parse("responsible_adult.member_id", &told.member_id)?,
        adult_id: MemberId::parse("responsible_adult.adult_id", &told.adult_id)?,
        in_portal,
    })
}
