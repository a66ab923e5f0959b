//! The way back in for whoever forgot his password: a letter with a link.

use chrono::{DateTime, TimeDelta, Utc};
use db::{Audit, Tx};
use mail::Letter;
use serde_json::json;

use super::store;
use crate::session::tokens::{hash as token_hash, random as random_token};
use crate::user::{User, UserId, store as users};
use crate::{Error, shop};

/// How long a link works.
const LIFE: TimeDelta = TimeDelta::minutes(30);
/// Letters to one address within an hour.
const LETTERS_MAX: i64 = 3;
const LETTERS_WINDOW: TimeDelta = TimeDelta::hours(1);

/// Somebody says that he forgot his password. Whoever has the address gets a letter; the answer is the same for all.
pub(crate) async fn forgotten(tx: &mut Tx, web_url: &str, email: &str, now: DateTime<Utc>) -> Result<(), Error> {
    let hash = crate::sign_in::guard::hashed(email);
    if store::count_requests(tx, &hash, now - LETTERS_WINDOW).await? >= LETTERS_MAX {
        return Ok(());
    }
    store::add_request(tx, &hash, now).await?;
    let Some(found) = users::credentials(tx, email).await? else { return Ok(()) };
    // As he stays until the letter is written: whoever gives him another address withdraws the link, or it goes there.
    let user = users::hold(tx, found.user_id).await?;
    if user.may_reset() { send(tx, web_url, &user, None, now).await } else { Ok(()) }
}

/// Sends a link. Who asked for it never sees it, unless it is his own letter.
pub(crate) async fn send(
    tx: &mut Tx,
    web_url: &str,
    user: &User,
    requested_by: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let token = random_token()?;
    store::add_reset(tx, &token_hash(&token), user.id, requested_by, now + LIFE).await?;
    let shop = shop::store::get(tx).await?.profile.name;
    mail::enqueue(tx, &letter(&shop, web_url, user, &token)).await?;
    tx.audit(Audit::created("password_reset", user.id, json!({ "by_administrator": requested_by.is_some() })));
    Ok(())
}

/// The token stands behind the `#`, so that no server and no log ever sees it.
fn letter(shop: &str, web_url: &str, user: &User, token: &str) -> Letter {
    let url = format!("{}/reset-password#token={token}", web_url.trim_end_matches('/'));
    Letter::new("password-reset", &user.person.email, format!("A new password for {shop}"))
        .paragraph(format!("Hello {},", user.person.first_name))
        .paragraph(format!(
            "somebody asked for a new password for your account at {shop}. If it was you, choose one here:"
        ))
        .link("Choose a new password", url)
        .paragraph(format!(
            "The link works once, within {} minutes. If it was not you, do nothing.",
            LIFE.num_minutes()
        ))
}
