//! The demo shop's accounts: families, individuals and businesses, invented throughout.

mod names;
mod papers;
mod reach;

use std::collections::BTreeSet;

use db::Context;
use kit::App;
use proto::identity::v1 as identity;
use types::Date;
use types::id::demo_id;

use crate::Error;
use crate::account::{self, AccountId, Address, BillingMode, Details, Kind};
use crate::member::{self, Ages, MemberId, Person};
use crate::responsible_adult::{self, Details as Powers, Power, ResponsibleAdultId};
use names::{BUSINESSES, CITIES, FIRST, LAST, NOTES, PLACES, STREETS};

const FAMILIES: u32 = 120;
const INDIVIDUALS: u32 = 90;
const ACCOUNTS: u32 = FAMILIES + INDIVIDUALS + 40;

/// Fills an empty shop in one transaction; does nothing where there is any account.
pub(crate) async fn fill(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin_background(Context::of_service("accounts", "seed", now)).await?;
    hear_shop(&mut tx).await?;
    if account::store::any(&mut tx).await? {
        return Ok(app.db.commit(tx).await?);
    }
    let ages = member::store::say_ages(&mut tx, now).await?;
    let (mut accounts, mut members) = (Vec::new(), Vec::new());
    for n in 1..=ACCOUNTS {
        let account = account::Draft { id: AccountId::from_uuid(demo_id(3, n)), details: details(n), member_count: 0 };
        for person in people(n, &account.details, ages.today) {
            let place = u32::try_from(members.len()).unwrap_or(u32::MAX) + 1;
            let id = MemberId::from_uuid(demo_id(4, place));
            members.push(member::Draft { id, account_id: account.id, person });
        }
        accounts.push(account);
    }
    for account in account::store::insert(&mut tx, &accounts).await? {
        account::rpc::created(&mut tx, &account);
    }
    for member in member::store::insert(&mut tx, &members).await? {
        member::rpc::created(&mut tx, &member, ages);
    }
    let responsible = responsible(&members, ages);
    responsible_adult::store::insert(&mut tx, &responsible).await?;
    for draft in &responsible {
        let adult = responsible_adult::store::get(&mut tx, draft.id).await?;
        responsible_adult::rpc::created(&mut tx, &adult);
    }
    reach::fill(&mut tx, &accounts, &members, "US").await?;
    papers::fill(&mut tx, &accounts, &responsible, ages, now).await?;
    let ids: Vec<AccountId> = accounts.iter().map(|account| account.id).collect();
    for account in account::store::count_members(&mut tx, &ids).await? {
        account::rpc::tell(&mut tx, &account);
    }
    Ok(app.db.commit(tx).await?)
}

/// What identity's seed says, known here before it can be heard; any version that is heard is newer.
async fn hear_shop(tx: &mut db::Tx) -> Result<(), Error> {
    let shop = identity::Shop {
        name: "Harmony Music".to_owned(),
        currency: "USD".to_owned(),
        currency_digits: 2,
        time_zone: "America/Chicago".to_owned(),
        country: "US".to_owned(),
        tax_rounding: identity::shop::TaxRounding::Line.into(),
        cash_rounding_minor_units: 1,
        ..identity::Shop::default()
    };
    shop::hear_shop(tx, &identity::ShopChanged { shop: Some(shop), version: 0 }).await?;
    for (n, name) in [(1, "Main Street"), (2, "Riverside")] {
        let location = identity::Location {
            id: demo_id(1, n).to_string(),
            name: name.to_owned(),
            ..identity::Location::default()
        };
        shop::hear_location(tx, &identity::LocationChanged { location: Some(location), version: 0 }).await?;
    }
    Ok(())
}

fn details(n: u32) -> Details {
    let (kind, name, email) = if n <= FAMILIES {
        (Kind::Family, format!("{} Family", last(n)), mail(&[last(n), "family"], n))
    } else if n <= FAMILIES + INDIVIDUALS {
        (Kind::Individual, format!("{} {}", first(n), last(n)), mail(&[first(n), last(n)], n))
    } else {
        let place = pick(&PLACES, n);
        let business = pick(&BUSINESSES, n / 10);
        (Kind::Business, format!("{place} {business}"), mail(&["office", place], n))
    };
    let (city, postal_code) = *pick(&CITIES, n);
    Details {
        kind,
        name,
        email: (!n.is_multiple_of(11)).then_some(email),
        phone: Some(phone(n)),
        address: (!n.is_multiple_of(7)).then(|| Address {
            line1: format!("{} {}", 100 + n * 37 % 9000, pick(&STREETS, n)),
            line2: n.is_multiple_of(9).then(|| format!("Apartment {}", 1 + n % 30)),
            city: city.to_owned(),
            region: Some("IL".to_owned()),
            postal_code: postal_code.to_owned(),
            country: "US".to_owned(),
        }),
        billing_mode: if n.is_multiple_of(12) { BillingMode::Split } else { BillingMode::Consolidated },
        primary_member_id: None,
        notes: n.is_multiple_of(8).then(|| (*pick(&NOTES, n / 8)).to_owned()),
        tags: tags(n),
    }
}

/// The people of the nth account: a family's children are under age, a business has somebody to call.
fn people(n: u32, account: &Details, today: Date) -> Vec<Person> {
    let adult = |k: u32| person(n, k, today, 28 + (n * 7 + k * 3) % 30);
    match account.kind {
        Kind::Family => {
            let mut people: Vec<Person> = (0..1 + n % 2).map(adult).collect();
            people.extend((2..3 + n % 3).map(|k| person(n, k, today, 5 + (n * 5 + k * 4) % 13)));
            people
        }
        Kind::Individual | Kind::Business => vec![adult(0)],
    }
}

/// The first two adults of a family answer for its children; the second of every other one only fetches them.
fn responsible(members: &[member::Draft], ages: Ages) -> Vec<responsible_adult::Draft> {
    let of_age = |draft: &&member::Draft| draft.person.born_on.is_some_and(|born_on| born_on <= ages.adults_born_by);
    let minor = |draft: &&member::Draft| draft.person.born_on.is_some_and(|born_on| born_on > ages.adults_born_by);
    let mut drafts = Vec::new();
    for family in members.chunk_by(|one, next| one.account_id == next.account_id) {
        for child in family.iter().filter(minor) {
            for (place, adult) in family.iter().filter(of_age).take(2).enumerate() {
                let fetches = place == 1 && drafts.len().is_multiple_of(2);
                let powers = if fetches { BTreeSet::from([Power::Pickup]) } else { Power::ALL.into() };
                let n = u32::try_from(drafts.len()).unwrap_or(u32::MAX) + 1;
                drafts.push(responsible_adult::Draft {
                    id: ResponsibleAdultId::from_uuid(demo_id(5, n)),
                    member_id: child.id,
                    adult_id: adult.id,
                    details: Powers { powers, relation: Some("parent".to_owned()) },
                });
            }
        }
    }
    drafts
}

/// One in thirty has not said when he was born.
fn person(n: u32, k: u32, today: Date, age_years: u32) -> Person {
    let business = n > FAMILIES + INDIVIDUALS;
    let last_name = last(if business { n * 3 } else { n });
    let first_name = if k == 0 { first(n) } else { first(n * 5 + k * 17) };
    let days = u64::from((n * 53 + k * 101) % 365);
    let born_on = today.checked_sub_months(chrono::Months::new(age_years * 12));
    Person {
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        email: (age_years >= 18).then(|| mail(&[first_name, last_name], n)),
        phone: (age_years >= 18).then(|| phone(n + k * 31)),
        born_on: born_on
            .and_then(|day| day.checked_sub_days(chrono::Days::new(days)))
            .filter(|_| !(n + k).is_multiple_of(30)),
        tags: Vec::new(),
    }
}

/// One in six is worth remembering.
fn tags(n: u32) -> Vec<String> {
    let tag = if n > FAMILIES + INDIVIDUALS { "school" } else { *pick(&["band", "orchestra", "vip"], n / 6) };
    if n.is_multiple_of(6) { vec![tag.to_owned()] } else { Vec::new() }
}

/// Neighbours in the list are spread over the names.
fn first(n: u32) -> &'static str {
    FIRST[n as usize * 29 % FIRST.len()]
}

fn last(n: u32) -> &'static str {
    LAST[n as usize * 37 % LAST.len()]
}

fn pick<T>(words: &[T], n: u32) -> &T {
    &words[n as usize % words.len()]
}

fn mail(parts: &[&str], n: u32) -> String {
    let parts: Vec<String> = parts.iter().map(|part| part.to_lowercase().replace(' ', "-")).collect();
    format!("{}.{n}@example.test", parts.join("."))
}

/// Numbers that are kept for stories.
fn phone(n: u32) -> String {
    let area = pick(&[312, 773, 708, 847, 630], n / 100);
    format!("({area}) 555-01{:02}", n % 100)
}
