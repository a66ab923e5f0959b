//! Addresses on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Caller, Reply, Tx, expect_etag, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::address_service_server::AddressService;
use serde_json::json;
use tonic::Request;
use types::{Violation, parse_country};

use super::{Address, AddressId, Details, Draft, Kind, store};
use crate::Error;
use crate::account::{self, AccountId};
use crate::audit::Audit;
use crate::change::{difference, named, text};

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl AddressService for Rpc {
    async fn list_addresses(&self, request: Request<pb::ListAddressesRequest>) -> Reply<pb::ListAddressesResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let account = account::store::get(conn, AccountId::parse("account_id", &message.account_id)?).await?;
            let kind = message.kind.and_then(|kind| pb::address::Kind::try_from(kind).ok()).and_then(kind);
            Ok::<_, Error>(store::list(conn, account.id, kind, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_address(&self, request: Request<pb::GetAddressRequest>) -> Reply<pb::GetAddressResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let address = store::get(conn, AddressId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetAddressResponse { address: Some(address.into()) })
        })
        .await
    }

    async fn create_address(&self, request: Request<pb::CreateAddressRequest>) -> Reply<pb::CreateAddressResponse> {
        write(&self.db, request, async |tx, _caller, message| {
            let new = wanted(message.address.as_ref())?;
            let account_id = AccountId::parse("address.account_id", &new.account_id)?;
            let country = shop::shop(tx).await?.country;
            let details = changed(&Details::of(country), new, None)?;
            account::store::lock(tx, account_id).await?.is_live()?;
            let address = add(tx, Draft { id: AddressId::new(), account_id, details }).await?;
            Ok::<_, Error>(pb::CreateAddressResponse { address: Some(address.into()) })
        })
        .await
    }

    async fn update_address(&self, request: Request<pb::UpdateAddressRequest>) -> Reply<pb::UpdateAddressResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let update = wanted(message.address.as_ref())?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let before = lock(tx, caller, "address.id", &update.id).await?;
            let after = Address { details: changed(&before.details, update, mask)?, ..before.clone() };
            let address = match difference(&before.details, &after.details) {
                None => before,
                Some((old, new)) => {
                    prefer(tx, after.account_id, after.id, &after.details).await?;
                    let address = store::save(tx, &after).await?;
                    tx.audit(Audit::changed("address", address.id, old, new));
                    tell(tx, &address, false);
                    address
                }
            };
            Ok::<_, Error>(pb::UpdateAddressResponse { address: Some(address.into()) })
        })
        .await
    }

    async fn remove_address(&self, request: Request<pb::RemoveAddressRequest>) -> Reply<pb::RemoveAddressResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let address = lock(tx, caller, "id", &message.id).await?;
            store::remove(tx, address.id).await?;
            tx.audit(Audit::removed("address", address.id, json!(address.details)));
            tell(tx, &Address { version: address.version + 1, ..address }, true);
            Ok::<_, Error>(pb::RemoveAddressResponse {})
        })
        .await
    }
}

/// Stores, records and tells a new address of a locked account. The first of its kind is the default.
pub(crate) async fn add(tx: &mut Tx, mut draft: Draft) -> Result<Address, Error> {
    draft.details.is_default |= !store::has_default(tx, draft.account_id, draft.details.kind).await?;
    prefer(tx, draft.account_id, draft.id, &draft.details).await?;
    let address = store::insert(tx, &draft).await?;
    let mut after = json!(address.details);
    after["account_id"] = json!(address.account_id.to_string());
    tx.audit(Audit::created("address", address.id, after));
    tell(tx, &address, false);
    Ok(address)
}

/// When this one is the default, the one before is not any more.
async fn prefer(tx: &mut Tx, account_id: AccountId, id: AddressId, details: &Details) -> Result<(), Error> {
    if details.is_default
        && let Some(other) = store::prefer(tx, account_id, details.kind, id).await?
    {
        tx.audit(Audit::changed("address", other.id, json!({ "is_default": true }), json!({ "is_default": false })));
        tell(tx, &other, false);
    }
    Ok(())
}

fn tell(tx: &mut Tx, address: &Address, removed: bool) {
    let subject = Subject { id: address.id.uuid(), version: address.version };
    let event = pb::AddressChanged { address: Some(address.clone().into()), version: address.version, removed };
    tx.publish(subject, &event);
}

/// Locks the account, so that there is one default at a time, and then the address.
async fn lock(tx: &mut Tx, caller: &Caller, field: &str, id: &str) -> Result<Address, Error> {
    let id = AddressId::parse(field, id)?;
    let account_id = store::get(tx, id).await?.account_id;
    account::store::lock(tx, account_id).await?;
    let address = store::lock(tx, id).await?;
    expect_etag(caller.if_match.as_deref(), address.version, || Error::AddressChanged)?;
    Ok(address)
}

fn wanted(address: Option<&pb::Address>) -> Result<&pb::Address, Violation> {
    address.ok_or_else(|| Violation::new("address", "is required"))
}

/// Details with the named fields taken from an update.
fn changed(details: &Details, update: &pb::Address, mask: Option<&[String]>) -> Result<Details, Violation> {
    let mut details = details.clone();
    if named(mask, "kind") {
        details.kind = kind(update.kind()).ok_or_else(|| Violation::new("address.kind", "is required"))?;
    }
    if named(mask, "label") {
        details.label = text(update.label.as_deref());
    }
    if named(mask, "line1") {
        update.line1.trim().clone_into(&mut details.line1);
    }
    if named(mask, "line2") {
        details.line2 = text(update.line2.as_deref());
    }
    if named(mask, "city") {
        update.city.trim().clone_into(&mut details.city);
    }
    if named(mask, "region") {
        details.region = text(update.region.as_deref());
    }
    if named(mask, "postal_code") {
        update.postal_code.trim().clone_into(&mut details.postal_code);
    }
    if named(mask, "country") && !update.country.trim().is_empty() {
        details.country = parse_country("address.country", &update.country)?;
    }
    if named(mask, "is_default") {
        details.is_default = update.is_default;
    }
    Ok(details)
}

fn kind(kind: pb::address::Kind) -> Option<Kind> {
    match kind {
        pb::address::Kind::Unspecified => None,
        pb::address::Kind::Billing => Some(Kind::Billing),
        pb::address::Kind::Shipping => Some(Kind::Shipping),
    }
}

impl From<Address> for pb::Address {
    fn from(address: Address) -> Self {
        let Address { id, account_id, details, version, created_at, updated_at } = address;
        let Details { kind, label, line1, line2, city, region, postal_code, country, is_default } = details;
        let kind = match kind {
            Kind::Billing => pb::address::Kind::Billing,
            Kind::Shipping => pb::address::Kind::Shipping,
        };
        Self {
            id: id.to_string(),
            account_id: account_id.to_string(),
            kind: kind.into(),
            label,
            line1,
            line2,
            city,
            region,
            postal_code,
            country,
            is_default,
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(updated_at)),
            etag: kit::etag(version),
        }
    }
}
