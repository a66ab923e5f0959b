//! Events of others: copies of the shop are kept, movements of value are booked, and what no rule can book is noted.

use db::Context;
use kit::{App, Heard, Tx};
use proto::Event;
use proto::accounts::v1::{AccountChanged, AccountMerged, AccountUnmerged};
use proto::identity::v1::{LocationChanged, ShopChanged};
use types::id::parse_uuid;

use crate::journal_entry::{Draft, Reverses, rpc, store as journal};
use crate::posting::fact::Told;
use crate::posting::{Day, Unpostable};
use crate::{Error, posting_exception};

/// Applies one event. An event that cannot be booked is an exception for somebody to look at, not an error: it would
/// fail again.
pub(crate) async fn hear(tx: &mut Tx, heard: &Heard) -> Result<(), Error> {
    match heard.kind.as_str() {
        ShopChanged::KIND => Ok(shop::hear_shop(tx, &heard.decode()?).await?),
        LocationChanged::KIND => Ok(shop::hear_location(tx, &heard.decode()?).await?),
        AccountChanged::KIND => hear_account(tx, &heard.decode()?).await,
        AccountMerged::KIND => Ok(redirect::hear_merged(tx, &heard.decode()?).await?),
        AccountUnmerged::KIND => Ok(redirect::hear_unmerged(tx, &heard.decode()?).await?),
        // Copies and news of sessions move no value.
        kind if kind.ends_with(".changed") || heard.producer == "identity" => Ok(()),
        _ => {
            let told = Told::from(heard);
            if let Posted::Not(why) = post(tx, &told).await? {
                tracing::error!(event.id = %told.event_id, kind = told.kind, "event {} is not booked: {why}", told.event_id);
                posting_exception::store::note(tx, &told, &why).await?;
            }
            Ok(())
        }
    }
}

/// Keeps the name of a customer's account.
async fn hear_account(tx: &mut Tx, event: &AccountChanged) -> Result<(), Error> {
    let Some(account) = &event.account else { return Ok(()) };
    journal::keep_customer(tx, parse_uuid("account.id", &account.id)?, &account.name, event.version).await
}

/// Tries again what could not be booked: a rule may have been mended, or a location been heard of.
pub(crate) async fn retry(app: &App) -> Result<(), Error> {
    let mut conn = app.db.background().await?;
    let due = posting_exception::store::due(&mut conn).await?;
    drop(conn);
    let mut done = Ok(());
    for told in due {
        // One that fails must not keep the others waiting.
        done = done.and(retry_one(app, &told).await);
    }
    done
}

async fn retry_one(app: &App, told: &Told) -> Result<(), Error> {
    let context = Context::of_service(app.name, "ledger.retry_exceptions", app.clock.now());
    let mut tx = app.db.begin_background(context).await?;
    match post(&mut tx, told).await? {
        Posted::Done => posting_exception::store::resolve(&mut tx, told.event_id).await?,
        Posted::Not(why) => posting_exception::store::note(&mut tx, told, &why).await?,
    }
    app.db.commit(tx).await?;
    Ok(())
}

enum Posted {
    /// It is booked, now or before, or moved nothing.
    Done,
    Not(Unpostable),
}

async fn post(tx: &mut Tx, told: &Told) -> Result<Posted, Error> {
    let fact = match told.fact() {
        Ok(fact) => fact,
        Err(why) => return Ok(Posted::Not(why)),
    };
    let effective_on = match fact.day {
        Day::On(date) => date,
        Day::At { location_id, at } => match shop::location(tx, location_id).await? {
            Some(location) => shop::local_date(at, location.time_zone),
            None => return Ok(Posted::Not(Unpostable::LocationUnknown(location_id))),
        },
    };
    match fact.draft(effective_on, told.producer_tx) {
        Ok(None) => Ok(Posted::Done),
        Ok(Some(draft)) if rpc::book(tx, &draft).await? => Ok(Posted::Done),
        Ok(Some(draft)) => post_again(tx, draft).await,
        Err(why) => Ok(Posted::Not(why)),
    }
}

/// The entry was booked before, or what it takes back was taken back before: by hand.
async fn post_again(tx: &mut Tx, draft: Draft) -> Result<Posted, Error> {
    if journal::is_booked(tx, &draft.source).await? {
        return Ok(Posted::Done);
    }
    let Reverses::EntryOf(event) = draft.reverses else { return Ok(Posted::Not(Unpostable::ReversedByHand)) };
    match journal::last_reversal(tx, &draft.source, event).await? {
        // The reversal was itself reversed, so there is something to take back.
        Some((last, reversals)) if reversals % 2 == 0 => {
            let draft = Draft { reverses: Reverses::Entry(last), ..draft };
            Ok(if rpc::book(tx, &draft).await? { Posted::Done } else { Posted::Not(Unpostable::ReversedByHand) })
        }
        _ => Ok(Posted::Not(Unpostable::ReversedByHand)),
    }
}
