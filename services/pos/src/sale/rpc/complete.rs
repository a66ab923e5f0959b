//! The two ways to complete a sale: at once, or from a draft. Stock is held before anything is written.

use db::{Audit, Subject};
use kit::client::Answer;
use kit::{Caller, Class, Reply, Tx, check, refuse, replay, write_with};
use prost::Message;
use proto::pos::v1 as pb;
use sha2::{Digest, Sha256};
use tonic::{Request, Response};
use types::Violation;
use uuid::Uuid;

use super::shelf::{Hold, of_sale};
use super::{NAME, SaleRpc, reckoning};
use crate::error::{Error, is_certain};
use crate::receipt::Head;
use crate::sale::store::{self, Counter};
use crate::sale::till::{Payment, summary};
use crate::sale::{Customer, LineDraft, Sale, SaleId, wire};
use crate::tender::{Coins, Tender};

impl SaleRpc {
    pub(super) async fn create(&self, request: Request<pb::CreateSaleRequest>) -> Reply<pb::CreateSaleResponse> {
        let (caller, message) = check(&request)?;
        let caller = caller.clone();
        let no = |error: Error| refuse(NAME, &error);
        let id = sale_id(&caller, message.id.as_deref()).map_err(no)?;
        let tenders = wire::tenders(&message.tenders).map_err(|v| no(v.into()))?;
        let asked = wire::lines(&message.lines).map_err(|v| no(v.into()))?;
        if !message.complete && !tenders.is_empty() {
            let unasked =
                Violation::new("tenders", "pay a sale with complete: true; a draft is paid when it is completed");
            return Err(no(unasked.into()));
        }
        let request_hash = Sha256::digest(message.encode_to_vec()).to_vec();
        let opening = match self.opening(&caller, id, &in_common(message)).await {
            Ok(opening) => opening,
            // The sale may be known because this very request was carried out before.
            Err(error) => {
                return match replay(&self.app.db, &request).await? {
                    Some(answer) => Ok(answer),
                    None => self.repeated(&caller, id, &request_hash, no(error)).await,
                };
            }
        };
        let attempt = Uuid::now_v7();
        let hold = if message.complete { Hold::Stock(attempt) } else { Hold::Nothing };
        let rung = match self.shelf.ring(&caller, id, opening.location_id, asked, hold, of_sale).await {
            Ok(rung) => rung,
            Err(error) => {
                if hold != Hold::Nothing && is_certain(&error) {
                    self.give_back(&caller, id, attempt).await;
                }
                return replay(&self.app.db, &request).await?.ok_or_else(|| no(error));
            }
        };
        let tenders = message.complete.then_some(tenders);
        let prepared = Prepared { opening, rung, tenders, request_hash };
        let answer = write_with(&self.app.db, request, &prepared, async |tx, caller, _message, prepared| {
            let sale = begin(tx, caller, prepared).await?;
            Ok::<_, Error>(pb::CreateSaleResponse { sale: Some(sale.into()) })
        })
        .await;
        if hold != Hold::Nothing && answer.is_err() {
            self.give_back(&caller, id, attempt).await;
        }
        match answer {
            Err(refused) => self.repeated(&caller, id, &prepared.request_hash, refused).await,
            answer => answer,
        }
    }

    /// The sale that this very request brought about before under another key, else the refusal.
    async fn repeated(
        &self,
        caller: &Caller,
        id: SaleId,
        request_hash: &[u8],
        refused: Answer,
    ) -> Reply<pb::CreateSaleResponse> {
        let no = |error: Error| refuse(NAME, &error);
        if refused.code() != Class::Exists.code() {
            return Err(refused);
        }
        let mut db = self.app.db.read().await.map_err(|error| no(error.into()))?;
        let by = caller.user_id().unwrap_or_default();
        if !store::came_by(&mut db, id, by, request_hash).await.map_err(no)? {
            return Err(refused);
        }
        let sale = store::get(&mut db, id).await.map_err(no)?;
        Ok(Response::new(pb::CreateSaleResponse { sale: Some(sale.into()) }))
    }

    pub(super) async fn complete(&self, request: Request<pb::CompleteSaleRequest>) -> Reply<pb::CompleteSaleResponse> {
        let (caller, message) = check(&request)?;
        let caller = caller.clone();
        let no = |error: Error| refuse(NAME, &error);
        let id = SaleId::parse("id", &message.id).map_err(|v| no(v.into()))?;
        let tenders = wire::tenders(&message.tenders).map_err(|v| no(v.into()))?;
        let attempt = Uuid::now_v7();
        let version = match self.hold_draft(&caller, id, attempt).await {
            Ok(version) => version,
            Err(error) => return replay(&self.app.db, &request).await?.ok_or_else(|| no(error)),
        };
        let prepared = (id, version, tenders);
        let answer = write_with(&self.app.db, request, &prepared, async |tx, caller, _message, prepared| {
            let (id, version, tenders) = prepared;
            let sale = finish(tx, caller, *id, *version, tenders.clone()).await?;
            Ok::<_, Error>(pb::CompleteSaleResponse { sale: Some(sale.into()) })
        })
        .await;
        if answer.is_err() {
            self.give_back(&caller, id, attempt).await;
        }
        answer
    }

    /// Holds the stock of a draft; answers the version it was held for.
    async fn hold_draft(&self, caller: &Caller, id: SaleId, attempt: Uuid) -> Result<i64, Error> {
        let sale = self.peek(id).await?.draft()?;
        kit::expect_etag(caller.if_match.as_deref(), sale.version, || Error::SaleChanged)?;
        self.shelf.hold(caller, &sale, attempt).await?;
        Ok(sale.version)
    }

    /// Gives the stock of a refused sale back, unless the sale came about after all. Whoever asks again finds a clean
    /// shelf, so this is waited for; when it is lost, inventory's sweep finds the orphan.
    async fn give_back(&self, caller: &Caller, id: SaleId, attempt: Uuid) {
        let Ok(mut conn) = self.app.db.read().await else { return };
        match store::states(&mut conn, &[id.uuid()]).await {
            Ok(known) if known.iter().all(|(_, _, was_completed)| !was_completed) => {}
            _ => return,
        }
        drop(conn);
        self.shelf.give_back(caller, id, attempt).await;
    }
}

/// What is known before the transaction begins.
struct Prepared {
    opening: crate::sale::till::Opening,
    rung: Vec<LineDraft>,
    /// None for a draft.
    tenders: Option<Vec<Tender>>,
    request_hash: Vec<u8>,
}

/// Stores a new sale, as a draft or with tenders as a completed one.
async fn begin(tx: &mut Tx, caller: &Caller, prepared: &Prepared) -> Result<Sale, Error> {
    let Prepared { opening, rung, tenders, request_hash } = prepared;
    let counter = store::counter(tx, opening.register_id, &opening.customer, caller.now).await?;
    let shop = shop::shop(tx).await?;
    let rates = store::rates(tx, opening.location_id, opening.customer.account_id, caller.now).await?;
    let customer = served(&counter, opening.customer.clone())?;
    let lines = rung.iter().map(|draft| (Uuid::now_v7(), draft.clone())).collect();
    let mut sale = Sale::begin(opening.clone()).with_lines(lines, &rates, reckoning(&shop))?;
    sale.customer = customer;
    if let Some(tenders) = tenders {
        let payment = payment(tx, caller, &sale, &counter, &shop, tenders.clone()).await?;
        sale = sale.pay(payment)?;
    }
    store::insert(tx, &sale, Some(request_hash)).await?;
    tell(tx, &sale, None);
    Ok(sale)
}

/// Completes a draft that nobody changed since its stock was held.
async fn finish(tx: &mut Tx, caller: &Caller, id: SaleId, version: i64, tenders: Vec<Tender>) -> Result<Sale, Error> {
    let mut sale = store::lock(tx, id).await?.draft()?;
    kit::expect_etag(caller.if_match.as_deref(), sale.version, || Error::SaleChanged)?;
    if sale.version != version {
        return Err(Error::SaleChanged);
    }
    let mut counter = store::counter(tx, sale.register_id, &sale.customer, caller.now).await?;
    let shop = shop::shop(tx).await?;
    // Who went from the account since the draft was begun, or was forgotten, is not named; the account pays all the same.
    sale.customer.member_id = sale.customer.member_id.filter(|_| counter.member_holds);
    counter.member_holds = true;
    sale.customer = served(&counter, sale.customer.clone())?;
    let before = summary(&sale);
    let payment = payment(tx, caller, &sale, &counter, &shop, tenders).await?;
    let mut sale = sale.pay(payment)?;
    store::save(tx, &sale).await?;
    sale.version += 1;
    tell(tx, &sale, Some(before));
    Ok(sale)
}

/// Everything a completion needs beside the tenders.
async fn payment(
    tx: &mut Tx,
    caller: &Caller,
    sale: &Sale,
    counter: &Counter,
    shop: &shop::Shop,
    tenders: Vec<Tender>,
) -> Result<Payment, Error> {
    let location = shop::location(tx, sale.location_id).await?.ok_or(Error::LocationUnknown)?;
    let business_on = shop::local_date(caller.now, location.time_zone);
    let turn = store::next_turn(tx).await?;
    Ok(Payment {
        tenders,
        coins: Coins { smallest: shop.cash_rounding_minor_units, digits: shop.currency_digits },
        session: counter.session,
        number: store::number(business_on, turn),
        business_on,
        head: Head {
            shop_name: shop.name.clone(),
            location_name: location.name,
            register_name: counter.register_name.clone(),
            currency: shop.currency.clone(),
            currency_digits: shop.currency_digits,
            cashier: caller.user_name().to_owned(),
            footer: shop.receipt_footer.clone(),
            // A draft from before the exemption keeps its tax until its lines are reckoned anew.
            tax_exemption: counter.exemption.clone().filter(|_| sale.totals.tax.is_zero()),
            printed_time: caller.now.with_timezone(&location.time_zone).format("%Y-%m-%d %H:%M").to_string(),
        },
        at: caller.now,
    })
}

pub(super) fn served(counter: &Counter, customer: Customer) -> Result<Customer, Error> {
    if !counter.account_holds {
        return Err(Error::AccountUnknown);
    }
    if !counter.member_holds {
        return Err(Error::MemberUnknown);
    }
    Ok(Customer { account_id: counter.account_id, account_name: counter.account_name.clone(), ..customer })
}

fn tell(tx: &mut Tx, sale: &Sale, before: Option<serde_json::Value>) {
    if sale.completed_at.is_some() {
        let event = pb::SaleCompleted { sale: Some(sale.clone().into()) };
        tx.publish(Subject { id: sale.id.uuid(), version: sale.version }, &event);
    }
    tx.audit(match before {
        None => Audit::created("sale", sale.id, summary(sale)),
        Some(before) => Audit::changed("sale", sale.id, before, summary(sale)),
    });
}

/// The client's id; without one it follows from the idempotency key, so that a repeated request holds the same stock.
fn sale_id(caller: &Caller, given: Option<&str>) -> Result<SaleId, Error> {
    if let Some(id) = SaleId::parse_some("id", given)? {
        return Ok(id);
    }
    let Some(key) = &caller.idempotency_key else { return Ok(SaleId::new()) };
    let digest = Sha256::digest(format!("{:?} {key}", caller.user_id()));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Ok(SaleId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid()))
}

/// What a new sale and a quote have in common.
fn in_common(message: &pb::CreateSaleRequest) -> pb::QuoteSaleRequest {
    pb::QuoteSaleRequest {
        register_id: message.register_id.clone(),
        account_id: message.account_id.clone(),
        member_id: message.member_id.clone(),
        lines: Vec::new(),
        discount: message.discount.clone(),
    }
}
