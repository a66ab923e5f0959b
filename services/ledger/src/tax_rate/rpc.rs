//! Tax rates on the wire.

use async_trait::async_trait;
use db::{Audit, List, Subject, Tx};
use kit::{App, Reply, etag, expect_etag, read, write};
use proto::ledger::v1 as pb;
use proto::ledger::v1::tax_rate::State as PbState;
use proto::ledger::v1::tax_rate_service_server::TaxRateService;
use serde_json::{Map, Value, json};
use tonic::Request;
use types::id::parse_uuid;
use types::{Violation, Violations};

use super::store::Filter;
use super::{Draft, Rate, State, TaxRate, TaxRateId, Terms, store};
use crate::Error;

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl TaxRateService for Rpc {
    async fn list_tax_rates(&self, request: Request<pb::ListTaxRatesRequest>) -> Reply<pb::ListTaxRatesResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let list = List::parse(&message)?;
            let page = store::list(db, &filter(&message)?, &list).await?;
            Ok::<_, Error>(page.answer(&list))
        })
        .await
    }

    async fn get_tax_rate(&self, request: Request<pb::GetTaxRateRequest>) -> Reply<pb::GetTaxRateResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let rate = store::get(db, TaxRateId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetTaxRateResponse { tax_rate: Some(rate.into()) })
        })
        .await
    }

    async fn create_tax_rate(&self, request: Request<pb::CreateTaxRateRequest>) -> Reply<pb::CreateTaxRateResponse> {
        write(&self.app.db, request, async |tx, _caller, message| {
            let draft = draft(&message.tax_rate.clone().unwrap_or_default())?;
            if shop::location(tx, draft.location_id).await?.is_none() {
                return Err(Violation::new("tax_rate.location_id", "is not a location of this shop").into());
            }
            let rate = add(tx, TaxRateId::new(), &draft).await?;
            tx.audit(Audit::created("tax_rate", rate.id, Value::Object(fields(&rate))));
            Ok::<_, Error>(pb::CreateTaxRateResponse { tax_rate: Some(rate.into()) })
        })
        .await
    }

    async fn update_tax_rate(&self, request: Request<pb::UpdateTaxRateRequest>) -> Reply<pb::UpdateTaxRateResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let change = message.tax_rate.clone().unwrap_or_default();
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let before = store::lock(tx, TaxRateId::parse("tax_rate.id", &change.id)?).await?;
            expect_etag(caller.if_match.as_deref(), before.version, || Error::TaxRateChanged)?;
            let terms = changed(&before.terms, &change, mask)?;
            let after = before.clone().with(terms)?;
            let rate = save(tx, &before, after).await?;
            Ok::<_, Error>(pb::UpdateTaxRateResponse { tax_rate: Some(rate.into()) })
        })
        .await
    }

    async fn retire_tax_rate(&self, request: Request<pb::RetireTaxRateRequest>) -> Reply<pb::RetireTaxRateResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let before = store::lock(tx, TaxRateId::parse("id", &message.id)?).await?;
            expect_etag(caller.if_match.as_deref(), before.version, || Error::TaxRateChanged)?;
            let after = before.clone().retire()?;
            let rate = save(tx, &before, after).await?;
            Ok::<_, Error>(pb::RetireTaxRateResponse { tax_rate: Some(rate.into()) })
        })
        .await
    }
}

/// Adds a rate and tells of it.
pub(crate) async fn add(tx: &mut Tx, id: TaxRateId, draft: &Draft) -> Result<TaxRate, Error> {
    let rate = store::insert(tx, id, draft).await?;
    tell(tx, &rate);
    Ok(rate)
}

/// Saves a change, tells of it and records it; no change is none.
async fn save(tx: &mut Tx, before: &TaxRate, after: TaxRate) -> Result<TaxRate, Error> {
    let (mut was, mut is) = (fields(before), fields(&after));
    was.retain(|name, value| is.get(name) != Some(value));
    is.retain(|name, _| was.contains_key(name));
    if is.is_empty() {
        return Ok(after);
    }
    let rate = store::save(tx, &after).await?;
    tell(tx, &rate);
    tx.audit(Audit::changed("tax_rate", rate.id, Value::Object(was), Value::Object(is)));
    Ok(rate)
}

fn tell(tx: &mut Tx, rate: &TaxRate) {
    let subject = Subject { id: rate.id.uuid(), version: rate.version };
    tx.publish(subject, &pb::TaxRateChanged { tax_rate: Some(rate.clone().into()), version: rate.version });
}

fn fields(rate: &TaxRate) -> Map<String, Value> {
    let Terms { name, rate: percent, included, position, compounds } = &rate.terms;
    let fields = json!({
        "location_id": rate.location_id,
        "tax_category": rate.tax_category,
        "name": name,
        "rate": percent.percent().to_string(),
        "included": included,
        "position": position,
        "compounds": compounds,
        "state": <&str>::from(rate.state),
    });
    fields.as_object().cloned().unwrap_or_default()
}

fn filter(message: &pb::ListTaxRatesRequest) -> Result<Filter, Violation> {
    let location_id = message.location_id.as_deref().filter(|id| !id.is_empty());
    Ok(Filter {
        location_id: location_id.map(|id| parse_uuid("location_id", id)).transpose()?,
        tax_category: message.tax_category.clone().filter(|category| !category.is_empty()),
        state: match message.state() {
            PbState::Unspecified | PbState::Active => State::Active,
            PbState::Retired => State::Retired,
        },
    })
}

fn draft(message: &pb::TaxRate) -> Result<Draft, Violations> {
    let mut out = Violations::default();
    let location_id = out.take(parse_uuid("tax_rate.location_id", &message.location_id));
    let rate = out.take(Rate::parse("tax_rate.rate", &message.rate));
    let (Some(location_id), Some(rate)) = (location_id, rate) else { return Err(out) };
    Ok(Draft {
        location_id,
        tax_category: message.tax_category.clone(),
        terms: Terms {
            name: message.name.trim().to_owned(),
            rate,
            included: message.included,
            position: message.position,
            compounds: message.compounds,
        },
    })
}

/// The terms with the fields that the mask names; without one, with all.
fn changed(before: &Terms, change: &pb::TaxRate, mask: Option<&[String]>) -> Result<Terms, Violation> {
    let asked = |field: &str| mask.is_none_or(|mask| mask.iter().any(|path| path == field));
    let mut terms = before.clone();
    if asked("name") {
        change.name.trim().clone_into(&mut terms.name);
    }
    if asked("rate") {
        terms.rate = Rate::parse("tax_rate.rate", &change.rate)?;
    }
    if asked("included") {
        terms.included = change.included;
    }
    if asked("position") {
        terms.position = change.position;
    }
    if asked("compounds") {
        terms.compounds = change.compounds;
    }
    Ok(terms)
}

impl From<TaxRate> for pb::TaxRate {
    fn from(rate: TaxRate) -> Self {
        let TaxRate { id, location_id, tax_category, terms, state, version, created_at, updated_at } = rate;
        let Terms { name, rate, included, position, compounds } = terms;
        let state = match state {
            State::Active => PbState::Active,
            State::Retired => PbState::Retired,
        };
        Self {
            id: id.to_string(),
            name,
            location_id: location_id.to_string(),
            tax_category,
            rate: rate.percent().to_string(),
            included,
            position,
            compounds,
            state: state.into(),
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(updated_at)),
            etag: etag(version),
        }
    }
}
