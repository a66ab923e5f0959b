//! Accounts on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Caller, Reply, Tx, expect_etag, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_service_server::AccountService;
use serde_json::json;
use tonic::Request;
use types::uuid::Uuid;
use types::{Violation, Violations};

use super::{Account, AccountId, Address, BillingMode, Details, Draft, Filter, Kind, State, store};
use crate::Error;
use crate::audit::Audit;
use crate::change::{difference, named, text};
use crate::duplicate::{self, Sought};
use crate::member::{self, MemberId};
use crate::tag::{fold, folded};

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl AccountService for Rpc {
    async fn list_accounts(&self, request: Request<pb::ListAccountsRequest>) -> Reply<pb::ListAccountsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            Ok::<_, Error>(store::list(conn, &filter(&message), &list).await?.answer(&list))
        })
        .await
    }

    async fn get_account(&self, request: Request<pb::GetAccountRequest>) -> Reply<pb::GetAccountResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let (account, found) = match number(&message.id) {
                Some(number) => {
                    let account = store::get_by_number(conn, number).await?;
                    let found = account.number == number;
                    (account, found)
                }
                None => {
                    let id = AccountId::parse("id", &message.id)?;
                    let account = store::get(conn, id).await?;
                    let found = account.id == id;
                    (account, found)
                }
            };
            let redirected_from = (!found).then_some(message.id);
            Ok::<_, Error>(pb::GetAccountResponse { account: Some(pb::Account { redirected_from, ..account.into() }) })
        })
        .await
    }

    async fn create_account(&self, request: Request<pb::CreateAccountRequest>) -> Reply<pb::CreateAccountResponse> {
        write(&self.db, request, async |tx, _caller, message| {
            let details = details(wanted(message.account.as_ref())?)?;
            no_member_yet(&details)?;
            let sought = Sought::of(&details);
            if message.refuse_duplicates {
                duplicate::store::hold(tx, &sought).await?;
            }
            let known = duplicate::store::candidates(tx, &sought).await?;
            if message.refuse_duplicates && !known.is_empty() {
                return Err(Error::PossibleDuplicates(known));
            }
            let draft = Draft { id: AccountId::new(), details, member_count: 0 };
            let account = store::insert(tx, std::slice::from_ref(&draft)).await?.remove(0);
            created(tx, &account);
            let possible_duplicates = known.into_iter().map(Into::into).collect();
            let account = pb::Account { possible_duplicates, ..account.into() };
            Ok::<_, Error>(pb::CreateAccountResponse { account: Some(account) })
        })
        .await
    }

    async fn update_account(&self, request: Request<pb::UpdateAccountRequest>) -> Reply<pb::UpdateAccountResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let update = wanted(message.account.as_ref())?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let before = lock(tx, caller, "account.id", &update.id).await?;
            let after = Account { details: changed(&before.details, update, mask)?, ..before.clone() };
            primary_member(tx, &before, &after).await?;
            let account = match difference(&before.details, &after.details) {
                None => before,
                Some((old, new)) => {
                    let account = store::save(tx, &after).await?;
                    tx.audit(Audit::changed("account", account.id, old, new));
                    tell(tx, &account);
                    account
                }
            };
            Ok::<_, Error>(pb::UpdateAccountResponse { account: Some(account.into()) })
        })
        .await
    }

    async fn archive_account(&self, request: Request<pb::ArchiveAccountRequest>) -> Reply<pb::ArchiveAccountResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let archived = lock(tx, caller, "id", &message.id).await?.archive()?;
            let account = moved(tx, &archived, State::Active).await?;
            Ok::<_, Error>(pb::ArchiveAccountResponse { account: Some(account.into()) })
        })
        .await
    }

    async fn restore_account(&self, request: Request<pb::RestoreAccountRequest>) -> Reply<pb::RestoreAccountResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let restored = lock(tx, caller, "id", &message.id).await?.restore()?;
            let account = moved(tx, &restored, State::Archived).await?;
            Ok::<_, Error>(pb::RestoreAccountResponse { account: Some(account.into()) })
        })
        .await
    }
}

/// Tells the others what an account is now.
pub(crate) fn tell(tx: &mut Tx, account: &Account) {
    let subject = Subject { id: account.id.uuid(), version: account.version };
    tx.publish(subject, &pb::AccountChanged { account: Some(account.clone().into()), version: account.version });
}

/// Records and tells that an account was opened.
pub(crate) fn created(tx: &mut Tx, account: &Account) {
    let mut after = json!(account.details);
    after["number"] = json!(account.number);
    tx.audit(Audit::created("account", account.id, after));
    tell(tx, account);
}

/// Locks the account that a command names, and sees to it that the caller has read this version.
async fn lock(tx: &mut Tx, caller: &Caller, field: &str, id: &str) -> Result<Account, Error> {
    let account = store::lock(tx, AccountId::parse(field, id)?).await?.stands()?;
    expect_etag(caller.if_match.as_deref(), account.version, || Error::AccountChanged)?;
    Ok(account)
}

/// Stores, records and tells a new state.
async fn moved(tx: &mut Tx, account: &Account, from: State) -> Result<Account, Error> {
    let account = store::save(tx, account).await?;
    let state = |state: State| json!({ "state": <&str>::from(state) });
    tx.audit(Audit::changed("account", account.id, state(from), state(account.state)));
    tell(tx, &account);
    Ok(account)
}

fn filter(message: &pb::ListAccountsRequest) -> Filter {
    let kind = message.kind.and_then(|kind| pb::account::Kind::try_from(kind).ok()).and_then(kind_of);
    let state = match message.state.map(pb::account::State::try_from) {
        Some(Ok(pb::account::State::Archived)) => State::Archived,
        Some(Ok(pb::account::State::Merged)) => State::Merged,
        _ => State::Active,
    };
    Filter { kind, state, tag: text(message.tag.as_deref()).map(|tag| fold(&tag)) }
}

/// Numbers have six digits or more; an id is longer than any of them.
fn number(text: &str) -> Option<i64> {
    let digits = text.len() >= 6 && text.bytes().all(|letter| letter.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn wanted(account: Option<&pb::Account>) -> Result<&pb::Account, Violation> {
    account.ok_or_else(|| Violation::new("account", "is required"))
}

/// All details of a new account.
pub(crate) fn details(message: &pb::Account) -> Result<Details, Violations> {
    let mut out = Violations::default();
    let kind = out.take(kind(message));
    let address = out.take(address(message.address.as_ref()));
    let primary_member_id = out.take(primary_member_id(message));
    let tags = out.take(folded("account.tags", &message.tags));
    out.into_result()?;
    Ok(Details {
        kind: kind.unwrap_or(Kind::Individual),
        name: message.name.trim().to_owned(),
        email: text(message.email.as_deref()),
        phone: text(message.phone.as_deref()),
        address: address.flatten(),
        notes: text(message.notes.as_deref()),
        billing_mode: billing_mode(message.billing_mode()),
        primary_member_id: primary_member_id.flatten(),
        tags: tags.unwrap_or_default(),
    })
}

/// Details with the named fields taken from an update.
fn changed(details: &Details, update: &pb::Account, mask: Option<&[String]>) -> Result<Details, Violations> {
    let mut out = Violations::default();
    let mut details = details.clone();
    if named(mask, "kind") {
        details.kind = out.take(kind(update)).unwrap_or(details.kind);
    }
    if named(mask, "name") {
        update.name.trim().clone_into(&mut details.name);
    }
    if named(mask, "email") {
        details.email = text(update.email.as_deref());
    }
    if named(mask, "phone") {
        details.phone = text(update.phone.as_deref());
    }
    if named(mask, "address") {
        details.address = out.take(address(update.address.as_ref())).flatten();
    }
    if named(mask, "notes") {
        details.notes = text(update.notes.as_deref());
    }
    if named(mask, "billing_mode") {
        details.billing_mode = billing_mode(update.billing_mode());
    }
    if named(mask, "primary_member_id") {
        details.primary_member_id = out.take(primary_member_id(update)).flatten();
    }
    if named(mask, "tags") {
        details.tags = out.take(folded("account.tags", &update.tags)).unwrap_or_default();
    }
    out.into_result()?;
    Ok(details)
}

/// An account without members has nobody to ask first.
fn no_member_yet(details: &Details) -> Result<(), Violation> {
    match details.primary_member_id {
        None => Ok(()),
        Some(_) => Err(Violation::new(PRIMARY_MEMBER_ID, "must be added to the account first")),
    }
}

/// Who is newly named as the primary member is a live one of the account.
async fn primary_member(tx: &mut Tx, before: &Account, after: &Account) -> Result<(), Error> {
    let Some(id) = after.details.primary_member_id.filter(|id| Some(*id) != before.details.primary_member_id) else {
        return Ok(());
    };
    let live = match member::store::get(tx, MemberId::from_uuid(id)).await {
        Ok(member) => member.account_id == after.id && member.is_live().is_ok(),
        Err(Error::MemberNotFound(_)) => false,
        Err(error) => return Err(error),
    };
    if live { Ok(()) } else { Err(Violation::new(PRIMARY_MEMBER_ID, "must be a live member of this account").into()) }
}

const PRIMARY_MEMBER_ID: &str = "account.primary_member_id";

fn primary_member_id(message: &pb::Account) -> Result<Option<Uuid>, Violation> {
    Ok(MemberId::parse_some(PRIMARY_MEMBER_ID, message.primary_member_id.as_deref())?.map(MemberId::uuid))
}

fn billing_mode(mode: pb::account::BillingMode) -> BillingMode {
    match mode {
        pb::account::BillingMode::Unspecified | pb::account::BillingMode::Consolidated => BillingMode::Consolidated,
        pb::account::BillingMode::Split => BillingMode::Split,
    }
}

fn kind(message: &pb::Account) -> Result<Kind, Violation> {
    kind_of(message.kind()).ok_or_else(|| Violation::new("account.kind", "is required"))
}

fn kind_of(kind: pb::account::Kind) -> Option<Kind> {
    match kind {
        pb::account::Kind::Unspecified => None,
        pb::account::Kind::Family => Some(Kind::Family),
        pb::account::Kind::Individual => Some(Kind::Individual),
        pb::account::Kind::Business => Some(Kind::Business),
    }
}

/// An address without the blanks around its parts; one that says nothing is none.
fn address(message: Option<&proto::common::v1::Address>) -> Result<Option<Address>, Violation> {
    let Some(message) = message else { return Ok(None) };
    let address = Address {
        line1: message.line1.trim().to_owned(),
        line2: text(message.line2.as_deref()),
        city: message.city.trim().to_owned(),
        region: text(message.region.as_deref()),
        postal_code: message.postal_code.trim().to_owned(),
        country: message.country.trim().to_uppercase(),
    };
    let letters = address.country.bytes().all(|letter| letter.is_ascii_uppercase());
    if !letters || ![0, 2].contains(&address.country.len()) {
        return Err(Violation::new("account.address.country", "must be a country's two letters, such as US"));
    }
    Ok((!address.is_blank()).then_some(address))
}

impl From<Account> for pb::Account {
    fn from(account: Account) -> Self {
        let Account {
            id,
            number,
            details,
            phone_e164,
            state,
            merged_into,
            member_count,
            version,
            created_at,
            updated_at,
        } = account;
        let Details { kind, name, email, phone, address, notes, tags, billing_mode, primary_member_id } = details;
        let billing_mode = match billing_mode {
            BillingMode::Consolidated => pb::account::BillingMode::Consolidated,
            BillingMode::Split => pb::account::BillingMode::Split,
        };
        Self {
            id: id.to_string(),
            number: number.to_string(),
            kind: pb::account::Kind::from(kind).into(),
            name,
            email,
            phone,
            address: address.map(Into::into),
            notes,
            tags,
            state: pb::account::State::from(state).into(),
            member_count,
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(updated_at)),
            etag: kit::etag(version),
            billing_mode: billing_mode.into(),
            primary_member_id: primary_member_id.map(|id| id.to_string()),
            phone_e164,
            merged_into: merged_into.map(|id| id.to_string()),
            redirected_from: None,
            possible_duplicates: Vec::new(),
        }
    }
}

impl From<Kind> for pb::account::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Family => Self::Family,
            Kind::Individual => Self::Individual,
            Kind::Business => Self::Business,
        }
    }
}

impl From<State> for pb::account::State {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Archived => Self::Archived,
            State::Merged => Self::Merged,
        }
    }
}

impl From<Address> for proto::common::v1::Address {
    fn from(address: Address) -> Self {
        let Address { line1, line2, city, region, postal_code, country } = address;
        Self { line1, line2, city, region, postal_code, country }
    }
}
