//! Payment methods on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Caller, Reply, Tx, expect_etag, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::payment_method_service_server::PaymentMethodService;
use serde_json::{Value, json};
use tonic::Request;
use types::{Date, Violation, Violations};

use super::{Details, Draft, PaymentMethod, PaymentMethodId, ProviderToken, month, store};
use crate::Error;
use crate::account::{self, AccountId};
use crate::audit::Audit;
use crate::change::{difference, named, text};

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl PaymentMethodService for Rpc {
    async fn list_account_payment_methods(
        &self,
        request: Request<pb::ListAccountPaymentMethodsRequest>,
    ) -> Reply<pb::ListAccountPaymentMethodsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let account = account::store::get(conn, AccountId::parse("account_id", &message.account_id)?).await?;
            Ok::<_, Error>(store::list(conn, account.id, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_payment_method(
        &self,
        request: Request<pb::GetPaymentMethodRequest>,
    ) -> Reply<pb::GetPaymentMethodResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let method = store::get(conn, PaymentMethodId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetPaymentMethodResponse { payment_method: Some(method.into()) })
        })
        .await
    }

    async fn create_payment_method(
        &self,
        request: Request<pb::CreatePaymentMethodRequest>,
    ) -> Reply<pb::CreatePaymentMethodResponse> {
        write(&self.db, request, async |tx, _caller, message| {
            let given = wanted(message.payment_method.as_ref())?;
            let account_id = AccountId::parse("payment_method.account_id", &given.account_id)?;
            let draft = Draft {
                id: PaymentMethodId::new(),
                account_id,
                processor: given.processor.clone(),
                token: ProviderToken::new(&given.provider_token),
                details: details(given)?,
            };
            account::store::lock(tx, account_id).await?.takes_members()?;
            let method = store::insert(tx, &draft).await?;
            tx.audit(Audit::created("payment_method", method.id, record(&method)));
            tell(tx, &method);
            Ok::<_, Error>(pb::CreatePaymentMethodResponse { payment_method: Some(method.into()) })
        })
        .await
    }

    async fn update_payment_method(
        &self,
        request: Request<pb::UpdatePaymentMethodRequest>,
    ) -> Reply<pb::UpdatePaymentMethodResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let update = wanted(message.payment_method.as_ref())?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let before = lock(tx, caller, "payment_method.id", &update.id).await?;
            let after = PaymentMethod { details: changed(&before.details, update, mask)?, ..before.clone() };
            let method = match difference(&before.details, &after.details) {
                None => before,
                Some((old, new)) => {
                    let method = store::save(tx, &after).await?;
                    tx.audit(Audit::changed("payment_method", method.id, old, new));
                    tell(tx, &method);
                    method
                }
            };
            Ok::<_, Error>(pb::UpdatePaymentMethodResponse { payment_method: Some(method.into()) })
        })
        .await
    }

    async fn make_default_payment_method(
        &self,
        request: Request<pb::MakeDefaultPaymentMethodRequest>,
    ) -> Reply<pb::MakeDefaultPaymentMethodResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let method = lock(tx, caller, "id", &message.id).await?;
            let method = match store::default_of(tx, method.account_id).await? {
                Some(id) if id == method.id => method,
                default => {
                    if let Some(id) = default {
                        set_default(tx, id, false).await?;
                    }
                    set_default(tx, method.id, true).await?
                }
            };
            Ok::<_, Error>(pb::MakeDefaultPaymentMethodResponse { payment_method: Some(method.into()) })
        })
        .await
    }

    async fn delete_payment_method(
        &self,
        request: Request<pb::DeletePaymentMethodRequest>,
    ) -> Reply<pb::DeletePaymentMethodResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let method = lock(tx, caller, "id", &message.id).await?;
            store::delete(tx, method.id).await?;
            tx.audit(Audit::removed("payment_method", method.id, record(&method)));
            removed(tx, &method);
            Ok::<_, Error>(pb::DeletePaymentMethodResponse { payment_method: Some(method.into()) })
        })
        .await
    }
}

/// Locks the account first, as everywhere; whoever merges accounts waits.
async fn lock(tx: &mut Tx, caller: &Caller, field: &str, id: &str) -> Result<PaymentMethod, Error> {
    let id = PaymentMethodId::parse(field, id)?;
    let account_id = store::get(tx, id).await?.account_id;
    account::store::lock(tx, account_id).await?;
    let method = store::get(tx, id).await?;
    expect_etag(caller.if_match.as_deref(), method.version, || Error::PaymentMethodChanged)?;
    Ok(method)
}

/// Stores, records and tells whether a payment method is the default.
async fn set_default(tx: &mut Tx, id: PaymentMethodId, is_default: bool) -> Result<PaymentMethod, Error> {
    let method = store::set_default(tx, id, is_default).await?;
    let state = |is_default: bool| json!({ "is_default": is_default });
    tx.audit(Audit::changed("payment_method", id, state(!is_default), state(is_default)));
    tell(tx, &method);
    Ok(method)
}

fn tell(tx: &mut Tx, method: &PaymentMethod) {
    let subject = Subject { id: method.id.uuid(), version: method.version };
    let copy = method.clone().into();
    tx.publish(subject, &pb::PaymentMethodChanged { payment_method: Some(copy), version: method.version });
}

fn removed(tx: &mut Tx, method: &PaymentMethod) {
    let subject = Subject { id: method.id.uuid(), version: method.version + 1 };
    let event = pb::PaymentMethodRemoved { id: method.id.to_string(), account_id: method.account_id.to_string() };
    tx.publish(subject, &event);
}

/// Forgets all of an account.
pub(crate) async fn forget(tx: &mut Tx, account_id: AccountId) -> Result<(), Error> {
    for method in store::delete_all(tx, account_id).await? {
        removed(tx, &method);
    }
    Ok(())
}

fn record(method: &PaymentMethod) -> Value {
    let mut record = json!(method.details);
    record["account_id"] = json!(method.account_id.to_string());
    record["processor"] = json!(method.processor);
    record["is_default"] = json!(method.is_default);
    record
}

fn wanted(method: Option<&pb::PaymentMethod>) -> Result<&pb::PaymentMethod, Violation> {
    method.ok_or_else(|| Violation::new("payment_method", "is required"))
}

fn details(message: &pb::PaymentMethod) -> Result<Details, Violation> {
    Ok(Details {
        brand: text(message.brand.as_deref()),
        last4: text(message.last4.as_deref()),
        expires_on: expires(message)?,
        backup_priority: priority(message),
        requires_update: message.requires_update,
    })
}

/// Details with the named fields taken from an update.
fn changed(details: &Details, update: &pb::PaymentMethod, mask: Option<&[String]>) -> Result<Details, Violations> {
    let mut details = details.clone();
    if named(mask, "brand") {
        details.brand = text(update.brand.as_deref());
    }
    if named(mask, "last4") {
        details.last4 = text(update.last4.as_deref());
    }
    if named(mask, "expires") {
        details.expires_on = expires(update)?;
    }
    if named(mask, "backup_priority") {
        details.backup_priority = priority(update);
    }
    if named(mask, "requires_update") {
        details.requires_update = update.requires_update;
    }
    Ok(details)
}

fn expires(message: &pb::PaymentMethod) -> Result<Option<Date>, Violation> {
    text(message.expires.as_deref()).map(|text| month("payment_method.expires", &text)).transpose()
}

/// The field rule keeps it small.
fn priority(message: &pb::PaymentMethod) -> Option<i16> {
    message.backup_priority.and_then(|priority| i16::try_from(priority).ok())
}

impl From<PaymentMethod> for pb::PaymentMethod {
    fn from(method: PaymentMethod) -> Self {
        let PaymentMethod { id, account_id, processor, details, is_default, version, created_at, updated_at } = method;
        let Details { brand, last4, expires_on, backup_priority, requires_update } = details;
        Self {
            id: id.to_string(),
            account_id: account_id.to_string(),
            processor,
            provider_token: String::new(),
            brand,
            last4,
            expires: expires_on.map(|day| day.format("%Y-%m").to_string()),
            is_default,
            backup_priority: backup_priority.map(i32::from),
            requires_update,
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(updated_at)),
            etag: kit::etag(version),
        }
    }
}
