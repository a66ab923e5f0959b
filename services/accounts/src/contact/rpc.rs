//! Contacts on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Caller, Reply, Tx, expect_etag, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::contact_service_server::ContactService;
use serde_json::json;
use tonic::Request;
use types::Violation;

use super::{Contact, ContactId, Details, Draft, store};
use crate::Error;
use crate::account::{self, AccountId};
use crate::audit::Audit;
use crate::change::{difference, named, text};
use crate::phone;

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl ContactService for Rpc {
    async fn list_contacts(&self, request: Request<pb::ListContactsRequest>) -> Reply<pb::ListContactsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let account = account::store::get(conn, AccountId::parse("account_id", &message.account_id)?).await?;
            Ok::<_, Error>(store::list(conn, account.id, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_contact(&self, request: Request<pb::GetContactRequest>) -> Reply<pb::GetContactResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let contact = store::get(conn, ContactId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetContactResponse { contact: Some(contact.into()) })
        })
        .await
    }

    async fn create_contact(&self, request: Request<pb::CreateContactRequest>) -> Reply<pb::CreateContactResponse> {
        write(&self.db, request, async |tx, _caller, message| {
            let new = wanted(message.contact.as_ref())?;
            let account_id = AccountId::parse("contact.account_id", &new.account_id)?;
            let country = shop::shop(tx).await?.country;
            let details = changed(&Details::default(), new, None, &country)?;
            account::store::lock(tx, account_id).await?.is_live()?;
            let contact = add(tx, &Draft { id: ContactId::new(), account_id, details }).await?;
            Ok::<_, Error>(pb::CreateContactResponse { contact: Some(contact.into()) })
        })
        .await
    }

    async fn update_contact(&self, request: Request<pb::UpdateContactRequest>) -> Reply<pb::UpdateContactResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let update = wanted(message.contact.as_ref())?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let country = shop::shop(tx).await?.country;
            let before = lock(tx, caller, "contact.id", &update.id).await?;
            let after = Contact { details: changed(&before.details, update, mask, &country)?, ..before.clone() };
            let contact = match difference(&before.details, &after.details) {
                None => before,
                Some((old, new)) => {
                    prefer(tx, after.account_id, after.id, after.details.preferred).await?;
                    let contact = store::save(tx, &after).await?;
                    tx.audit(Audit::changed("contact", contact.id, old, new));
                    tell(tx, &contact, false);
                    contact
                }
            };
            Ok::<_, Error>(pb::UpdateContactResponse { contact: Some(contact.into()) })
        })
        .await
    }

    async fn remove_contact(&self, request: Request<pb::RemoveContactRequest>) -> Reply<pb::RemoveContactResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let contact = lock(tx, caller, "id", &message.id).await?;
            store::remove(tx, contact.id).await?;
            tx.audit(Audit::removed("contact", contact.id, json!(contact.details)));
            tell(tx, &Contact { version: contact.version + 1, ..contact }, true);
            Ok::<_, Error>(pb::RemoveContactResponse {})
        })
        .await
    }
}

/// Stores, records and tells a new contact of a locked account.
pub(crate) async fn add(tx: &mut Tx, draft: &Draft) -> Result<Contact, Error> {
    prefer(tx, draft.account_id, draft.id, draft.details.preferred).await?;
    let contact = store::insert(tx, draft).await?;
    let mut after = json!(contact.details);
    after["account_id"] = json!(contact.account_id.to_string());
    tx.audit(Audit::created("contact", contact.id, after));
    tell(tx, &contact, false);
    Ok(contact)
}

/// When this one is preferred, the one before is not any more.
async fn prefer(tx: &mut Tx, account_id: AccountId, id: ContactId, preferred: bool) -> Result<(), Error> {
    if preferred && let Some(other) = store::prefer(tx, account_id, id).await? {
        tx.audit(Audit::changed("contact", other.id, json!({ "preferred": true }), json!({ "preferred": false })));
        tell(tx, &other, false);
    }
    Ok(())
}

fn tell(tx: &mut Tx, contact: &Contact, removed: bool) {
    let subject = Subject { id: contact.id.uuid(), version: contact.version };
    let event = pb::ContactChanged { contact: Some(contact.clone().into()), version: contact.version, removed };
    tx.publish(subject, &event);
}

/// Locks the account, so that one at a time is preferred, and then the contact.
async fn lock(tx: &mut Tx, caller: &Caller, field: &str, id: &str) -> Result<Contact, Error> {
    let id = ContactId::parse(field, id)?;
    let account_id = store::get(tx, id).await?.account_id;
    account::store::lock(tx, account_id).await?;
    let contact = store::lock(tx, id).await?;
    expect_etag(caller.if_match.as_deref(), contact.version, || Error::ContactChanged)?;
    Ok(contact)
}

fn wanted(contact: Option<&pb::Contact>) -> Result<&pb::Contact, Violation> {
    contact.ok_or_else(|| Violation::new("contact", "is required"))
}

/// Details with the named fields taken from an update.
fn changed(
    details: &Details,
    update: &pb::Contact,
    mask: Option<&[String]>,
    country: &str,
) -> Result<Details, Violation> {
    let mut details = details.clone();
    if named(mask, "name") {
        update.name.trim().clone_into(&mut details.name);
    }
    if named(mask, "role") {
        details.role = text(update.role.as_deref());
    }
    if named(mask, "email") {
        details.email = text(update.email.as_deref());
    }
    if named(mask, "phone") {
        let typed = text(update.phone.as_deref());
        let phone = typed.map(|typed| phone::parse("contact.phone", &typed, country)).transpose()?;
        (details.phone, details.phone_e164) = phone.map(|phone| (phone.typed, phone.e164)).unzip();
    }
    if named(mask, "preferred") {
        details.preferred = update.preferred;
    }
    if named(mask, "notes") {
        details.notes = text(update.notes.as_deref());
    }
    Ok(details)
}

impl From<Contact> for pb::Contact {
    fn from(contact: Contact) -> Self {
        let Contact { id, account_id, details, version, created_at, updated_at } = contact;
        let Details { name, role, email, phone, phone_e164, preferred, notes } = details;
        Self {
            id: id.to_string(),
            account_id: account_id.to_string(),
            name,
            role,
            email,
            phone,
            phone_e164,
            preferred,
            notes,
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(updated_at)),
            etag: kit::etag(version),
        }
    }
}
