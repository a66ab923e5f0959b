//! Sales on the wire.

mod blame;
mod complete;
mod shelf;

use async_trait::async_trait;
use db::{Audit, List, Subject};
use kit::{App, Caller, Reply, approve, check, expect_etag, read, refuse, replay, write, write_with};
use proto::google::api::HttpBody;
use proto::pos::v1 as pb;
use proto::pos::v1::sale_service_server::SaleService;
use serde_json::json;
use tonic::Request;
use types::id::parse_uuid;
use types::{Violations, parse_date};
use uuid::Uuid;

use self::complete::served;
use self::shelf::{Hold, Shelf, of_line, of_sale};
use super::line::Reckoning;
use super::store::{self, Filter};
use super::till::{Opening, check_customer, summary};
use super::{Customer, Sale, SaleId, State, wire};
use crate::drawer::{RegisterId, SessionId};
use crate::error::Error;
use crate::receipt;

const NAME: &str = "pos";

/// Implements `SaleService`.
#[derive(Clone)]
pub(crate) struct SaleRpc {
    app: App,
    shelf: Shelf,
}

impl SaleRpc {
    pub(crate) fn new(app: App, inventory: Option<kit::client::Peer>) -> Self {
        Self { app, shelf: Shelf::new(inventory) }
    }

    /// Where a register stands, for asking inventory before anything is written.
    async fn place(&self, register: RegisterId, sale: SaleId) -> Result<(Uuid, bool), Error> {
        store::place(&mut *self.app.db.read().await?, register, sale).await
    }

    async fn peek(&self, id: SaleId) -> Result<Sale, Error> {
        store::get(&mut *self.app.db.read().await?, id).await
    }
}

#[async_trait]
impl SaleService for SaleRpc {
    async fn list_sales(&self, request: Request<pb::ListSalesRequest>) -> Reply<pb::ListSalesResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let list = List::parse(&message)?;
            let filter = filter(&message)?;
            Ok::<_, Error>(store::list(db, &list, &filter).await?.answer(&list))
        })
        .await
    }

    async fn get_sale(&self, request: Request<pb::GetSaleRequest>) -> Reply<pb::GetSaleResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let sale = store::get(db, SaleId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetSaleResponse { sale: Some(sale.into()) })
        })
        .await
    }

    async fn create_sale(&self, request: Request<pb::CreateSaleRequest>) -> Reply<pb::CreateSaleResponse> {
        Box::pin(self.create(request)).await
    }

    async fn quote_sale(&self, request: Request<pb::QuoteSaleRequest>) -> Reply<pb::QuoteSaleResponse> {
        let (caller, message) = check(&request)?;
        let no = |error: Error| refuse(NAME, &error);
        let asked = wire::lines(&message.lines).map_err(|v| no(v.into()))?;
        let opening = self.opening(caller, SaleId::new(), message).await.map_err(no)?;
        let drafts = self
            .shelf
            .ring(caller, opening.id, opening.location_id, asked, Hold::Nothing, of_sale)
            .await
            .map_err(no)?;
        read(&self.app.db, request, async |db, _caller, _message| {
            let lines = drafts.into_iter().map(|draft| (Uuid::now_v7(), draft)).collect();
            let counter = store::counter(db, opening.register_id, &opening.customer, opening.at).await?;
            let rates = store::rates(db, opening.location_id, opening.customer.account_id, opening.at).await?;
            let customer = served(&counter, opening.customer.clone())?;
            let mut sale = Sale::begin(opening).with_lines(lines, &rates, reckoning(&shop::shop(db).await?))?;
            sale.customer = customer;
            Ok::<_, Error>(pb::QuoteSaleResponse { sale: Some(sale.into()) })
        })
        .await
    }

    async fn add_sale_line(&self, request: Request<pb::AddSaleLineRequest>) -> Reply<pb::AddSaleLineResponse> {
        let (caller, message) = check(&request)?;
        let no = |error: Error| refuse(NAME, &error);
        let id = SaleId::parse("id", &message.id).map_err(|v| no(v.into()))?;
        let mut out = Violations::default();
        let asked = wire::line("line", &message.line.clone().unwrap_or_default(), &mut out);
        out.into_result().map_err(|v| no(v.into()))?;
        let rung = match self.peek(id).await {
            Ok(sale) => self.shelf.ring(caller, id, sale.location_id, vec![asked], Hold::Nothing, of_line).await,
            Err(error) => Err(error),
        };
        let rung = match rung {
            Ok(rung) => rung,
            // The line may be there already; its product may be gone since.
            Err(error) => return replay(&self.app.db, &request).await?.ok_or_else(|| no(error)),
        };
        write_with(&self.app.db, request, &(id, rung), async |tx, caller, _message, (id, rung)| {
            let sale = store::lock(tx, *id).await?.draft()?;
            expect_etag(caller.if_match.as_deref(), sale.version, || Error::SaleChanged)?;
            let mut lines = sale.drafts();
            lines.extend(rung.iter().map(|draft| (Uuid::now_v7(), draft.clone())));
            let added = lines.len() - 1;
            let sale = change(tx, caller, sale, lines, "line added").await;
            let sale = sale.map_err(|error| blame::on_line(error, added))?;
            Ok::<_, Error>(pb::AddSaleLineResponse { sale: Some(sale.into()) })
        })
        .await
    }

    async fn remove_sale_line(&self, request: Request<pb::RemoveSaleLineRequest>) -> Reply<pb::RemoveSaleLineResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let sale = store::lock(tx, SaleId::parse("id", &message.id)?).await?.draft()?;
            expect_etag(caller.if_match.as_deref(), sale.version, || Error::SaleChanged)?;
            let line = parse_uuid("line_id", &message.line_id)?;
            let mut lines = sale.drafts();
            let before = lines.len();
            lines.retain(|(id, _)| *id != line);
            if lines.len() == before {
                return Err(Error::LineNotFound(line));
            }
            let sale = change(tx, caller, sale, lines, "line removed").await?;
            Ok(pb::RemoveSaleLineResponse { sale: Some(sale.into()) })
        })
        .await
    }

    async fn set_sale_discount(
        &self,
        request: Request<pb::SetSaleDiscountRequest>,
    ) -> Reply<pb::SetSaleDiscountResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let mut sale = store::lock(tx, SaleId::parse("id", &message.id)?).await?.draft()?;
            expect_etag(caller.if_match.as_deref(), sale.version, || Error::SaleChanged)?;
            let mut out = Violations::default();
            sale.discount = message.discount.as_ref().and_then(|input| wire::discount("discount", input, &mut out));
            out.into_result()?;
            let lines = sale.drafts();
            let sale = change(tx, caller, sale, lines, "discount set").await?;
            Ok::<_, Error>(pb::SetSaleDiscountResponse { sale: Some(sale.into()) })
        })
        .await
    }

    async fn complete_sale(&self, request: Request<pb::CompleteSaleRequest>) -> Reply<pb::CompleteSaleResponse> {
        self.complete(request).await
    }

    async fn void_sale(&self, request: Request<pb::VoidSaleRequest>) -> Reply<pb::VoidSaleResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let sale = store::lock(tx, SaleId::parse("id", &message.id)?).await?;
            expect_etag(caller.if_match.as_deref(), sale.version, || Error::SaleChanged)?;
            let was_completed = sale.state == State::Completed;
            if was_completed {
                approve::<Error>(tx, caller, sale.id).await?;
            }
            let counter = store::counter(tx, sale.register_id, &Customer::default(), caller.now).await?;
            let before = summary(&sale);
            let by = caller.user_id().unwrap_or_default();
            let sale = sale.void(by, message.reason.trim(), caller.now, counter.session)?;
            store::save(tx, &sale).await?;
            let sale = store::get(tx, sale.id).await?;
            if was_completed {
                let location = shop::location(tx, sale.location_id).await?.ok_or(Error::LocationUnknown)?;
                let business_on = shop::local_date(caller.now, location.time_zone).to_string();
                let event = pb::SaleVoided { sale: Some(sale.clone().into()), business_on };
                tx.publish(Subject { id: sale.id.uuid(), version: sale.version }, &event);
            }
            tx.audit(Audit::changed("sale", sale.id, before, summary(&sale)));
            Ok::<_, Error>(pb::VoidSaleResponse { sale: Some(sale.into()) })
        })
        .await
    }

    async fn get_receipt(&self, request: Request<pb::GetReceiptRequest>) -> Reply<pb::GetReceiptResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let sale = store::get(db, SaleId::parse("id", &message.id)?).await?;
            let head = sale.receipt.clone().ok_or(Error::SaleNotCompleted)?;
            let receipt = pb::Receipt {
                shop_name: head.shop_name,
                location_name: head.location_name,
                register_name: head.register_name,
                currency: head.currency,
                cashier: head.cashier,
                sale: Some(sale.into()),
                footer: head.footer,
                printed_time: head.printed_time,
                tax_exemption_certificate: head.tax_exemption,
            };
            Ok::<_, Error>(pb::GetReceiptResponse { receipt: Some(receipt) })
        })
        .await
    }

    async fn print_receipt(&self, request: Request<pb::PrintReceiptRequest>) -> Reply<pb::PrintReceiptResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let sale = store::get(db, SaleId::parse("id", &message.id)?).await?;
            let head = sale.receipt.clone().ok_or(Error::SaleNotCompleted)?;
            let page = HttpBody {
                content_type: "text/html; charset=utf-8".to_owned(),
                data: receipt::page(&sale, &head).into(),
                extensions: Vec::new(),
            };
            Ok::<_, Error>(pb::PrintReceiptResponse { page: Some(page) })
        })
        .await
    }
}

impl SaleRpc {
    /// How a sale begins, from what quotes and new sales have in common.
    async fn opening(&self, caller: &Caller, id: SaleId, message: &pb::QuoteSaleRequest) -> Result<Opening, Error> {
        let register_id = RegisterId::parse("register_id", &message.register_id)?;
        let mut out = Violations::default();
        let discount = message.discount.as_ref().and_then(|input| wire::discount("discount", input, &mut out));
        out.into_result()?;
        let id_of = |field: &str, text: Option<&str>| text.map(|id| parse_uuid(field, id)).transpose();
        let customer = Customer {
            account_id: id_of("account_id", message.account_id.as_deref())?,
            account_name: None,
            member_id: id_of("member_id", message.member_id.as_deref())?,
        };
        check_customer(&customer)?;
        let (location_id, known) = self.place(register_id, id).await?;
        if known {
            return Err(Error::SaleExists(id));
        }
        let by = caller.user_id().unwrap_or_default();
        Ok(Opening { id, location_id, register_id, customer, discount, by, at: caller.now })
    }
}

/// Reckons a draft's lines anew and stores it.
async fn change(
    tx: &mut kit::Tx,
    caller: &Caller,
    sale: Sale,
    lines: Vec<(Uuid, super::LineDraft)>,
    what: &'static str,
) -> Result<Sale, Error> {
    let rates = store::rates(tx, sale.location_id, sale.customer.account_id, caller.now).await?;
    let how = reckoning(&shop::shop(tx).await?);
    let before = summary(&sale);
    let sale = sale.with_lines(lines, &rates, how)?;
    store::save(tx, &sale).await?;
    let mut after = summary(&sale);
    after["change"] = json!(what);
    tx.audit(Audit::changed("sale", sale.id, before, after));
    store::get(tx, sale.id).await
}

pub(crate) fn reckoning(shop: &shop::Shop) -> Reckoning {
    Reckoning { digits: shop.currency_digits, rounds_document: shop.rounds_document }
}

fn filter(message: &pb::ListSalesRequest) -> Result<Filter, Error> {
    let day = |field: &str, text: &Option<String>| text.as_deref().map(|text| parse_date(field, text)).transpose();
    Ok(Filter {
        state: match message.state.map(pb::sale::State::try_from) {
            Some(Ok(pb::sale::State::Draft)) => Some(State::Draft),
            Some(Ok(pb::sale::State::Completed)) => Some(State::Completed),
            Some(Ok(pb::sale::State::Voided)) => Some(State::Voided),
            _ => None,
        },
        register: RegisterId::parse_some("register_id", message.register_id.as_deref())?,
        session: SessionId::parse_some("drawer_session_id", message.drawer_session_id.as_deref())?,
        account: message.account_id.as_deref().map(|id| parse_uuid("account_id", id)).transpose()?,
        from: day("from_on", &message.from_on)?,
        until: day("until_on", &message.until_on)?,
    })
}
