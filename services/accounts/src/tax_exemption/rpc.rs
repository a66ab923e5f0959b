//! Tax exemptions on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Caller, Reply, Tx, expect_etag, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::tax_exemption_service_server::TaxExemptionService;
use serde_json::{Value, json};
use tonic::Request;
use types::{Date, Violation, Violations, parse_date};

use super::{Details, Done, Draft, State, TaxExemption, TaxExemptionId, Who, store, until};
use crate::Error;
use crate::account::{self, AccountId};
use crate::audit::Audit;
use crate::change::{difference, named, text};

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl TaxExemptionService for Rpc {
    async fn list_tax_exemptions(
        &self,
        request: Request<pb::ListTaxExemptionsRequest>,
    ) -> Reply<pb::ListTaxExemptionsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            Ok::<_, Error>(store::list(conn, None, state(message.state), &list).await?.answer(&list))
        })
        .await
    }

    async fn list_account_tax_exemptions(
        &self,
        request: Request<pb::ListAccountTaxExemptionsRequest>,
    ) -> Reply<pb::ListAccountTaxExemptionsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let account = account::store::get(conn, AccountId::parse("account_id", &message.account_id)?).await?;
            Ok::<_, Error>(store::list(conn, Some(account.id), state(message.state), &list).await?.answer(&list))
        })
        .await
    }

    async fn get_tax_exemption(
        &self,
        request: Request<pb::GetTaxExemptionRequest>,
    ) -> Reply<pb::GetTaxExemptionResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let exemption = store::get(conn, TaxExemptionId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetTaxExemptionResponse { tax_exemption: Some(exemption.into()) })
        })
        .await
    }

    async fn create_tax_exemption(
        &self,
        request: Request<pb::CreateTaxExemptionRequest>,
    ) -> Reply<pb::CreateTaxExemptionResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let new = wanted(message.tax_exemption.as_ref())?;
            let account_id = AccountId::parse("tax_exemption.account_id", &new.account_id)?;
            let today = shop::today(tx, caller.now).await?;
            let details = changed(&Details::default(), new, None, today)?;
            account::store::lock(tx, account_id).await?.takes_members()?;
            let draft = Draft { id: TaxExemptionId::new(), account_id, details, requested_by: who(caller) };
            let exemption = create(tx, &draft).await?;
            Ok::<_, Error>(pb::CreateTaxExemptionResponse { tax_exemption: Some(exemption.into()) })
        })
        .await
    }

    async fn update_tax_exemption(
        &self,
        request: Request<pb::UpdateTaxExemptionRequest>,
    ) -> Reply<pb::UpdateTaxExemptionResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let update = wanted(message.tax_exemption.as_ref())?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let today = shop::today(tx, caller.now).await?;
            let before = lock(tx, caller, "tax_exemption.id", &update.id).await?;
            before.is_pending()?;
            let details = changed(&before.details, update, mask, today)?;
            let exemption = moved(tx, &before, &TaxExemption { details, ..before.clone() }).await?;
            Ok::<_, Error>(pb::UpdateTaxExemptionResponse { tax_exemption: Some(exemption.into()) })
        })
        .await
    }

    async fn approve_tax_exemption(
        &self,
        request: Request<pb::ApproveTaxExemptionRequest>,
    ) -> Reply<pb::ApproveTaxExemptionResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let today = shop::today(tx, caller.now).await?;
            let before = lock(tx, caller, "id", &message.id).await?;
            let expires_on = day("expires_on", message.expires_on.as_deref())?;
            let details = Details {
                certificate_number: text(message.certificate_number.as_deref())
                    .or_else(|| before.details.certificate_number.clone()),
                expires_on: expires_on.or(before.details.expires_on),
                ..before.details.clone()
            };
            let approved = before.clone().approve(details, done(caller), today)?;
            let exemption = moved(tx, &before, &approved).await?;
            Ok::<_, Error>(pb::ApproveTaxExemptionResponse { tax_exemption: Some(exemption.into()) })
        })
        .await
    }

    async fn revoke_tax_exemption(
        &self,
        request: Request<pb::RevokeTaxExemptionRequest>,
    ) -> Reply<pb::RevokeTaxExemptionResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let before = lock(tx, caller, "id", &message.id).await?;
            let revoked = before.clone().revoke(message.reason.trim().to_owned(), done(caller))?;
            let exemption = moved(tx, &before, &revoked).await?;
            Ok::<_, Error>(pb::RevokeTaxExemptionResponse { tax_exemption: Some(exemption.into()) })
        })
        .await
    }
}

/// Stores, records and tells a new exemption.
pub(crate) async fn create(tx: &mut Tx, draft: &Draft) -> Result<TaxExemption, Error> {
    let exemption = store::insert(tx, draft).await?;
    let mut after = fields(&exemption);
    after["account_id"] = json!(draft.account_id.to_string());
    tx.audit(Audit::created("tax_exemption", exemption.id, after));
    tell(tx, &exemption);
    Ok(exemption)
}

/// Stores, records and tells what differs.
pub(crate) async fn moved(tx: &mut Tx, before: &TaxExemption, after: &TaxExemption) -> Result<TaxExemption, Error> {
    let Some((old, new)) = difference(&fields(before), &fields(after)) else { return Ok(before.clone()) };
    let exemption = store::save(tx, after).await?;
    tx.audit(Audit::changed("tax_exemption", exemption.id, old, new));
    tell(tx, &exemption);
    Ok(exemption)
}

/// The fields as the audit shows them.
fn fields(exemption: &TaxExemption) -> Value {
    let mut fields = json!(exemption.details);
    fields["state"] = json!(<&str>::from(exemption.state));
    fields["approved_by"] = json!(exemption.approved.as_ref().map(|done| &done.by.name));
    fields["revoked_because"] = json!(exemption.revoked.as_ref().map(|(_, because)| because));
    fields
}

fn tell(tx: &mut Tx, exemption: &TaxExemption) {
    let subject = Subject { id: exemption.id.uuid(), version: exemption.version };
    let event = pb::TaxExemptionChanged { tax_exemption: Some(exemption.clone().into()), version: exemption.version };
    tx.publish(subject, &event);
}

/// Forgets what was written down of the exemptions of an account, and tells the copies without it.
pub(crate) async fn forget(tx: &mut Tx, account_id: AccountId) -> Result<(), Error> {
    let forgotten = store::forget(tx, account_id).await?;
    tell_all(tx, &forgotten).await
}

/// Tells the others what some exemptions are now.
pub(crate) async fn tell_all(tx: &mut Tx, ids: &[TaxExemptionId]) -> Result<(), Error> {
    for exemption in store::lock_all(tx, ids).await? {
        tell(tx, &exemption);
    }
    Ok(())
}

async fn lock(tx: &mut Tx, caller: &Caller, field: &str, id: &str) -> Result<TaxExemption, Error> {
    let exemption = store::lock(tx, TaxExemptionId::parse(field, id)?).await?;
    expect_etag(caller.if_match.as_deref(), exemption.version, || Error::TaxExemptionChanged)?;
    Ok(exemption)
}

fn who(caller: &Caller) -> Who {
    Who { id: caller.user_id(), name: caller.user_name().to_owned() }
}

fn done(caller: &Caller) -> Done {
    Done { by: who(caller), at: caller.now }
}

fn state(state: Option<i32>) -> Option<State> {
    match pb::tax_exemption::State::try_from(state?).ok()? {
        pb::tax_exemption::State::Unspecified => None,
        pb::tax_exemption::State::Pending => Some(State::Pending),
        pb::tax_exemption::State::Approved => Some(State::Approved),
        pb::tax_exemption::State::Revoked => Some(State::Revoked),
    }
}

fn wanted(exemption: Option<&pb::TaxExemption>) -> Result<&pb::TaxExemption, Violation> {
    exemption.ok_or_else(|| Violation::new("tax_exemption", "is required"))
}

fn day(field: &str, day: Option<&str>) -> Result<Option<Date>, Violation> {
    text(day).map(|day| parse_date(field, &day)).transpose()
}

/// Details with the named fields taken from an update.
fn changed(
    details: &Details,
    update: &pb::TaxExemption,
    mask: Option<&[String]>,
    today: Date,
) -> Result<Details, Violations> {
    const EXPIRES_ON: &str = "tax_exemption.expires_on";
    let mut details = details.clone();
    if named(mask, "reason") {
        update.reason.trim().clone_into(&mut details.reason);
    }
    if named(mask, "certificate_number") {
        details.certificate_number = text(update.certificate_number.as_deref());
    }
    if named(mask, "expires_on") {
        details.expires_on = until(EXPIRES_ON, day(EXPIRES_ON, update.expires_on.as_deref())?, today)?;
    }
    Ok(details)
}

impl From<TaxExemption> for pb::TaxExemption {
    fn from(exemption: TaxExemption) -> Self {
        let state = match exemption.state {
            State::Pending => pb::tax_exemption::State::Pending,
            State::Approved => pb::tax_exemption::State::Approved,
            State::Revoked => pb::tax_exemption::State::Revoked,
        };
        let (approved_by, approved_at) = exemption.approved.map(|done| (done.by, done.at)).unzip();
        let (revoked, revoked_because) = exemption.revoked.unzip();
        let (revoked_by, revoked_at) = revoked.map(|done| (done.by.name, done.at)).unzip();
        Self {
            id: exemption.id.to_string(),
            account_id: exemption.account_id.to_string(),
            state: state.into(),
            reason: exemption.details.reason,
            certificate_number: exemption.details.certificate_number,
            expires_on: exemption.details.expires_on.map(|day| day.to_string()),
            requested_by_name: exemption.requested_by.name,
            approved_by: approved_by.as_ref().and_then(|by| by.id).map(|id| id.to_string()),
            approved_by_name: approved_by.map(|by| by.name),
            approved_at: approved_at.map(proto::timestamp),
            expired_at: exemption.expired_at.map(proto::timestamp),
            revoked_by_name: revoked_by,
            revoked_at: revoked_at.map(proto::timestamp),
            revoked_because,
            created_at: Some(proto::timestamp(exemption.created_at)),
            updated_at: Some(proto::timestamp(exemption.updated_at)),
            etag: kit::etag(exemption.version),
        }
    }
}
