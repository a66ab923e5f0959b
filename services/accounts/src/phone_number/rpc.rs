//! Phone numbers on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Caller, Reply, Tx, expect_etag, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::phone_number_service_server::PhoneNumberService;
use serde_json::json;
use tonic::Request;
use types::{Violation, Violations};

use super::{Details, Draft, Kind, Owner, PhoneNumber, PhoneNumberId, store};
use crate::Error;
use crate::account::{self, AccountId};
use crate::audit::Audit;
use crate::change::{difference, named};
use crate::member::{self, MemberId};
use crate::phone;

const NUMBER: &str = "phone_number.number";

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl PhoneNumberService for Rpc {
    async fn list_account_phone_numbers(
        &self,
        request: Request<pb::ListAccountPhoneNumbersRequest>,
    ) -> Reply<pb::ListAccountPhoneNumbersResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let account = account::store::get(conn, AccountId::parse("account_id", &message.account_id)?).await?;
            Ok::<_, Error>(store::list(conn, Owner::Account(account.id), &list).await?.answer(&list))
        })
        .await
    }

    async fn list_member_phone_numbers(
        &self,
        request: Request<pb::ListMemberPhoneNumbersRequest>,
    ) -> Reply<pb::ListMemberPhoneNumbersResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let member = member::store::get(conn, MemberId::parse("member_id", &message.member_id)?).await?;
            Ok::<_, Error>(store::list(conn, Owner::Member(member.id), &list).await?.answer(&list))
        })
        .await
    }

    async fn get_phone_number(&self, request: Request<pb::GetPhoneNumberRequest>) -> Reply<pb::GetPhoneNumberResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let number = store::get(conn, PhoneNumberId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetPhoneNumberResponse { phone_number: Some(number.into()) })
        })
        .await
    }

    async fn create_account_phone_number(
        &self,
        request: Request<pb::CreateAccountPhoneNumberRequest>,
    ) -> Reply<pb::CreateAccountPhoneNumberResponse> {
        write(&self.db, request, async |tx, _caller, message| {
            let new = wanted(message.phone_number.as_ref())?;
            let id = AccountId::parse("phone_number.account_id", new.account_id())?;
            account::store::lock(tx, id).await?.is_live()?;
            let number = create(tx, Owner::Account(id), new).await?;
            Ok::<_, Error>(pb::CreateAccountPhoneNumberResponse { phone_number: Some(number.into()) })
        })
        .await
    }

    async fn create_member_phone_number(
        &self,
        request: Request<pb::CreateMemberPhoneNumberRequest>,
    ) -> Reply<pb::CreateMemberPhoneNumberResponse> {
        write(&self.db, request, async |tx, _caller, message| {
            let new = wanted(message.phone_number.as_ref())?;
            let id = MemberId::parse("phone_number.member_id", new.member_id())?;
            member::store::lock(tx, id).await?.is_live()?;
            let number = create(tx, Owner::Member(id), new).await?;
            Ok::<_, Error>(pb::CreateMemberPhoneNumberResponse { phone_number: Some(number.into()) })
        })
        .await
    }

    async fn update_phone_number(
        &self,
        request: Request<pb::UpdatePhoneNumberRequest>,
    ) -> Reply<pb::UpdatePhoneNumberResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let update = wanted(message.phone_number.as_ref())?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let country = shop::shop(tx).await?.country;
            let before = lock(tx, caller, "phone_number.id", &update.id).await?;
            let after = PhoneNumber { details: changed(&before.details, update, mask, &country)?, ..before.clone() };
            let number = match difference(&before.details, &after.details) {
                None => before,
                Some((old, new)) => {
                    prefer(tx, after.owner, after.id, after.details.preferred).await?;
                    let number = store::save(tx, &after).await?;
                    tx.audit(Audit::changed("phone_number", number.id, old, new));
                    tell(tx, &number, false);
                    number
                }
            };
            Ok::<_, Error>(pb::UpdatePhoneNumberResponse { phone_number: Some(number.into()) })
        })
        .await
    }

    async fn remove_phone_number(
        &self,
        request: Request<pb::RemovePhoneNumberRequest>,
    ) -> Reply<pb::RemovePhoneNumberResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let number = lock(tx, caller, "id", &message.id).await?;
            store::remove(tx, number.id).await?;
            tx.audit(Audit::removed("phone_number", number.id, json!(number.details)));
            tell(tx, &PhoneNumber { version: number.version + 1, ..number }, true);
            Ok::<_, Error>(pb::RemovePhoneNumberResponse {})
        })
        .await
    }
}

async fn create(tx: &mut Tx, owner: Owner, new: &pb::PhoneNumber) -> Result<PhoneNumber, Error> {
    let country = shop::shop(tx).await?.country;
    add(tx, &Draft { id: PhoneNumberId::new(), owner, details: details(new, &country)? }).await
}

/// Stores, records and tells a new number of a locked owner.
pub(crate) async fn add(tx: &mut Tx, draft: &Draft) -> Result<PhoneNumber, Error> {
    prefer(tx, draft.owner, draft.id, draft.details.preferred).await?;
    let number = store::insert(tx, draft).await?;
    let mut after = json!(number.details);
    let (account_id, member_id) = number.owner.ids();
    after["account_id"] = json!(account_id.map(|id| id.to_string()));
    after["member_id"] = json!(member_id.map(|id| id.to_string()));
    tx.audit(Audit::created("phone_number", number.id, after));
    tell(tx, &number, false);
    Ok(number)
}

/// When this one is preferred, the one before is not any more.
async fn prefer(tx: &mut Tx, owner: Owner, id: PhoneNumberId, preferred: bool) -> Result<(), Error> {
    if preferred && let Some(other) = store::prefer(tx, owner, id).await? {
        tx.audit(Audit::changed("phone_number", other.id, json!({ "preferred": true }), json!({ "preferred": false })));
        tell(tx, &other, false);
    }
    Ok(())
}

fn tell(tx: &mut Tx, number: &PhoneNumber, removed: bool) {
    let subject = Subject { id: number.id.uuid(), version: number.version };
    let event = pb::PhoneNumberChanged { phone_number: Some(number.clone().into()), version: number.version, removed };
    tx.publish(subject, &event);
}

/// Locks the owner, so that one at a time is preferred, and then the number.
async fn lock(tx: &mut Tx, caller: &Caller, field: &str, id: &str) -> Result<PhoneNumber, Error> {
    let id = PhoneNumberId::parse(field, id)?;
    match store::get(tx, id).await?.owner {
        Owner::Account(id) => account::store::lock(tx, id).await.map(|_| ())?,
        Owner::Member(id) => member::store::lock(tx, id).await.map(|_| ())?,
    }
    let number = store::lock(tx, id).await?;
    expect_etag(caller.if_match.as_deref(), number.version, || Error::PhoneNumberChanged)?;
    Ok(number)
}

fn wanted(number: Option<&pb::PhoneNumber>) -> Result<&pb::PhoneNumber, Violation> {
    number.ok_or_else(|| Violation::new("phone_number", "is required"))
}

/// All details of a new number.
fn details(new: &pb::PhoneNumber, country: &str) -> Result<Details, Violations> {
    let mut out = Violations::default();
    let kind = out.take(kind(new));
    let phone = out.take(phone::parse(NUMBER, &new.number, country));
    out.into_result()?;
    let (number, e164) = phone.map(|phone| (phone.typed, phone.e164)).unwrap_or_default();
    Ok(Details { kind: kind.unwrap_or(Kind::Other), number, e164, preferred: new.preferred })
}

/// Details with the named fields taken from an update.
fn changed(
    details: &Details,
    update: &pb::PhoneNumber,
    mask: Option<&[String]>,
    country: &str,
) -> Result<Details, Violation> {
    let mut details = details.clone();
    if named(mask, "kind") {
        details.kind = kind(update)?;
    }
    if named(mask, "number") {
        let phone = phone::parse(NUMBER, &update.number, country)?;
        (details.number, details.e164) = (phone.typed, phone.e164);
    }
    if named(mask, "preferred") {
        details.preferred = update.preferred;
    }
    Ok(details)
}

fn kind(message: &pb::PhoneNumber) -> Result<Kind, Violation> {
    match message.kind() {
        pb::phone_number::Kind::Unspecified => Err(Violation::new("phone_number.kind", "is required")),
        pb::phone_number::Kind::Mobile => Ok(Kind::Mobile),
        pb::phone_number::Kind::Home => Ok(Kind::Home),
        pb::phone_number::Kind::Work => Ok(Kind::Work),
        pb::phone_number::Kind::Other => Ok(Kind::Other),
    }
}

impl From<PhoneNumber> for pb::PhoneNumber {
    fn from(phone: PhoneNumber) -> Self {
        let (account_id, member_id) = phone.owner.ids();
        let kind = match phone.details.kind {
            Kind::Mobile => pb::phone_number::Kind::Mobile,
            Kind::Home => pb::phone_number::Kind::Home,
            Kind::Work => pb::phone_number::Kind::Work,
            Kind::Other => pb::phone_number::Kind::Other,
        };
        Self {
            id: phone.id.to_string(),
            account_id: account_id.map(|id| id.to_string()),
            member_id: member_id.map(|id| id.to_string()),
            kind: kind.into(),
            number: phone.details.number,
            e164: phone.details.e164,
            preferred: phone.details.preferred,
            created_at: Some(proto::timestamp(phone.created_at)),
            updated_at: Some(proto::timestamp(phone.updated_at)),
            etag: kit::etag(phone.version),
        }
    }
}
