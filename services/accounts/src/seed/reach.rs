//! Whom to speak to at a business, where goods go, and second phone numbers.

use db::Tx;
use types::id::demo_id;

use super::{last, mail, phone, pick};
use crate::Error;
use crate::account::{self, Kind};
use crate::address::{self, AddressId};
use crate::contact::{self, ContactId};
use crate::member;
use crate::phone as number;
use crate::phone_number::{self, Owner, PhoneNumberId};

const ROLES: [&str; 4] = ["band director", "bursar", "choir director", "principal"];

pub(super) async fn fill(
    tx: &mut Tx,
    accounts: &[account::Draft],
    members: &[member::Draft],
    country: &str,
) -> Result<(), Error> {
    let businesses = accounts.iter().filter(|account| account.details.kind == Kind::Business);
    for (n, account) in (1..).zip(businesses) {
        contact::rpc::add(tx, &contact(n, account, country)).await?;
        if let Some(draft) = dock(n, account) {
            address::rpc::add(tx, draft).await?;
        }
    }
    for (n, member) in
        (1..).zip(members.iter().filter(|member| member.person.phone.is_some())).filter(|(n, _)| n % 9 == 0)
    {
        let typed = phone(n + 400);
        let Some(e164) = number::e164(&typed, country) else { continue };
        let details =
            phone_number::Details { kind: phone_number::Kind::Mobile, number: typed, e164, preferred: n % 2 == 0 };
        let draft = phone_number::Draft {
            id: PhoneNumberId::from_uuid(demo_id(11, n)),
            owner: Owner::Member(member.id),
            details,
        };
        phone_number::rpc::add(tx, &draft).await?;
    }
    Ok(())
}

fn contact(n: u32, account: &account::Draft, country: &str) -> contact::Draft {
    let role = *pick(&ROLES, n);
    let typed = phone(n + 500);
    let e164 = number::e164(&typed, country);
    contact::Draft {
        id: ContactId::from_uuid(demo_id(9, n)),
        account_id: account.id,
        details: contact::Details {
            name: format!("{} {}", super::first(n * 11), last(n * 13)),
            role: Some(role.to_owned()),
            email: Some(mail(&[role, last(n * 13)], n)),
            phone: e164.is_some().then_some(typed),
            phone_e164: e164,
            preferred: true,
            notes: None,
        },
    }
}

/// Goods for a school with an address go to its back door.
fn dock(n: u32, account: &account::Draft) -> Option<address::Draft> {
    let at = account.details.address.as_ref()?;
    Some(address::Draft {
        id: AddressId::from_uuid(demo_id(10, n)),
        account_id: account.id,
        details: address::Details {
            kind: address::Kind::Shipping,
            label: Some("back door".to_owned()),
            line1: at.line1.clone(),
            line2: None,
            city: at.city.clone(),
            region: at.region.clone(),
            postal_code: at.postal_code.clone(),
            country: at.country.clone(),
            is_default: true,
        },
    })
}
