//! The demo shop's profile, locations and staff.

use db::{Audit, Context, Tx};
use kit::{App, Fault};
use serde_json::json;
use types::id::demo_id;

use crate::location::{Address, Draft, LocationId};
use crate::password::Password;
use crate::password::hasher::Hasher;
use crate::session::tokens;
use crate::shop::{LeapDay, Profile, TaxRounding, parse_time_zone};
use crate::user::{Person, UserId};
use crate::{Error, NAME, location, pin, role, shop, user};

const LOCATION: u16 = 1;
const USER: u16 = 2;
/// The password of those whom the demo names; all others have one that nobody knows.
const PASSWORD: &str = "lunarfront-demo";

/// Who takes over a till with his employee number and a PIN: the demo's user, and the PIN.
const PINS: [(u32, &str); 2] = [(2, "1379"), (3, "2580")];

/// E-mail name, first name, last name, role. The first is the demo's user 1, and so on.
const STAFF: [(&str, &str, &str, &str); 24] = [
    ("owner", "Olivia", "Harmon", "admin"),
    ("manager", "Marcus", "Bell", "manager"),
    ("clerk", "Clara", "Nguyen", "sales_associate"),
    ("viewer", "Victor", "Lindqvist", "viewer"),
    ("technician", "Tess", "Okafor", "technician"),
    ("instructor", "Ivan", "Petrov", "instructor"),
    ("ada.quinn", "Ada", "Quinn", "admin"),
    ("rosa.delgado", "Rosa", "Delgado", "manager"),
    ("henry.wolfe", "Henry", "Wolfe", "manager"),
    ("june.park", "June", "Park", "sales_associate"),
    ("sam.iverson", "Sam", "Iverson", "sales_associate"),
    ("priya.shah", "Priya", "Shah", "sales_associate"),
    ("leo.brandt", "Leo", "Brandt", "sales_associate"),
    ("mina.sato", "Mina", "Sato", "sales_associate"),
    ("otto.krause", "Otto", "Krause", "technician"),
    ("wanda.kowalska", "Wanda", "Kowalska", "technician"),
    ("gil.mendes", "Gil", "Mendes", "technician"),
    ("nora.lund", "Nora", "Lund", "instructor"),
    ("theo.adeyemi", "Theo", "Adeyemi", "instructor"),
    ("elena.rossi", "Elena", "Rossi", "instructor"),
    ("jack.o'neill", "Jack", "O'Neill", "instructor"),
    ("mei.chen", "Mei", "Chen", "instructor"),
    ("paul.berger", "Paul", "Berger", "viewer"),
    ("grace.thompson", "Grace", "Thompson", "viewer"),
];
const SIGN_INS: usize = 4;

/// Fills identity's share of the demo shop, once.
///
/// # Errors
/// Any error; then nothing was written.
pub(crate) async fn seed(app: &App, hasher: &Hasher) -> Result<(), Fault> {
    fill(app, hasher).await.map_err(Fault::new)
}

async fn fill(app: &App, hasher: &Hasher) -> Result<(), Error> {
    let first = UserId::from_uuid(demo_id(USER, 1));
    if user::store::find(&mut *app.db.read().await?, first).await?.is_some() {
        return Ok(());
    }
    // Hashing takes its time, and no transaction should wait for it.
    let mut hashes = Vec::with_capacity(STAFF.len());
    for index in 0..STAFF.len() {
        let password = if index < SIGN_INS { PASSWORD.to_owned() } else { tokens::random()? };
        hashes.push(hasher.hash_known(Password::known(&password)).await?);
    }
    let mut pins = Vec::with_capacity(PINS.len());
    for (number, pin) in PINS {
        pins.push((number, hasher.hash_known(Password::known(pin)).await?));
    }
    let mut tx = app.db.begin(Context::of_service(NAME, "seed", app.clock.now())).await?;
    profile(&mut tx).await?;
    locations(&mut tx).await?;
    for ((number, staff), hash) in (1..).zip(STAFF).zip(&hashes) {
        employ(&mut tx, number, staff, hash).await?;
    }
    for (number, hash) in &pins {
        let user = UserId::from_uuid(demo_id(USER, *number));
        pin::store::set(&mut tx, user, hash, app.clock.now()).await?;
        tx.audit(Audit::created("pin", user, json!({ "state": "set" })));
    }
    app.db.commit(tx).await?;
    Ok(())
}

async fn profile(tx: &mut Tx) -> Result<(), Error> {
    let profile = Profile {
        name: "Harmony Music".to_owned(),
        time_zone: parse_time_zone("time_zone", "America/Chicago")?,
        tax_rounding: TaxRounding::Line,
        cash_rounding_minor_units: 1,
        receipt_footer: Some(
            "Thank you for making music with us. Returns within 30 days with this receipt.".to_owned(),
        ),
        country: "US".to_owned(),
        majority_years: 18,
        online_consent_years: 13,
        leap_day: LeapDay::March1,
        till_lock_minutes: 2,
    };
    let shop = shop::store::lock(tx).await?;
    shop::rpc::save(tx, shop, &profile).await?;
    Ok(())
}

async fn locations(tx: &mut Tx) -> Result<(), Error> {
    for (number, name, line1, postal_code) in
        [(1, "Main Street", "214 Main Street", "60601"), (2, "Riverside", "88 Riverside Drive", "60657")]
    {
        let address = Address {
            line1: line1.to_owned(),
            line2: None,
            city: "Chicago".to_owned(),
            region: Some("IL".to_owned()),
            postal_code: postal_code.to_owned(),
            country: "US".to_owned(),
        };
        let draft = Draft { name: name.to_owned(), address: Some(address), time_zone: None };
        location::rpc::create(tx, LocationId::from_uuid(demo_id(LOCATION, number)), &draft).await?;
    }
    Ok(())
}

async fn employ(tx: &mut Tx, number: u32, staff: (&str, &str, &str, &str), hash: &str) -> Result<(), Error> {
    let (name, first_name, last_name, role) = staff;
    let person = Person {
        email: format!("{name}@demo.test"),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
    };
    let roles = role::store::hold_named(tx, "roles", &[role.to_owned()]).await?;
    user::rpc::create(tx, UserId::from_uuid(demo_id(USER, number)), &person, &roles, Some(hash)).await?;
    Ok(())
}
