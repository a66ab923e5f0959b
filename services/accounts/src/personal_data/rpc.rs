//! Personal data on the wire.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cipher::{Keys, Place};
use db::Subject;
use kit::client::{Peer, Refused};
use kit::{App, Caller, Fault, Reply, Tx, check, expect_etag, refuse, write, write_with};
use proto::accounts::v1 as pb;
use proto::accounts::v1::personal_data_service_server::PersonalDataService;
use proto::common::v1::TellPersonalDataRequest;
use proto::common::v1::personal_data_source_service_client::PersonalDataSourceServiceClient;
use proto::google::api::HttpBody;
use serde_json::{Map, Value, json};
use tonic::Request;
use types::uuid::Uuid;

use super::{Left, forgotten, left_of, nameless, not_yet, store};
use crate::account::{Account, Kind};
use crate::audit::Audit;
use crate::file::sweep::Sweeper;
use crate::member::{self, MemberId};
use crate::{Error, account, external_reference, payment_method, processor_link, responsible_adult, tax_exemption};

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) keys: Keys,
    pub(crate) sweeper: Sweeper,
}

#[async_trait]
impl PersonalDataService for Rpc {
    async fn export_personal_data(
        &self,
        request: Request<pb::ExportPersonalDataRequest>,
    ) -> Reply<pb::ExportPersonalDataResponse> {
        let (caller, message) = check(&request)?;
        let told = self.ask(caller, &message.id).await.map_err(|error| refuse("accounts", &error))?;
        write_with(&self.app.db, request, &(self.keys.clone(), told), async |tx, _caller, message, (keys, told)| {
            let member = member::store::get(tx, MemberId::parse("id", &message.id)?).await?;
            let mut known = store::known(tx, member.id).await?;
            open(&mut known, keys).await?;
            known.extend(told.clone());
            tx.audit(Audit::created("personal_data", member.id, json!({ "exported": true })));
            let text = serde_json::to_vec_pretty(&known).map_err(kit::Fault::new)?;
            let content_type = "application/json".to_owned();
            let document = HttpBody { content_type, data: text.into(), extensions: Vec::new() };
            Ok::<_, Error>(pb::ExportPersonalDataResponse { document: Some(document) })
        })
        .await
    }

    async fn erase_member(&self, request: Request<pb::EraseMemberRequest>) -> Reply<pb::EraseMemberResponse> {
        let reply = write(&self.app.db, request, async |tx, caller, message| {
            let id = MemberId::parse("id", &message.id)?;
            let ages = member::store::say_ages(tx, caller.now).await?;
            let account_id = member::store::get(tx, id).await?.account_id;
            let account = account::store::lock(tx, account_id).await?;
            let member = member::store::lock(tx, id).await?.still_on(account_id)?;
            expect_etag(caller.if_match.as_deref(), member.version, || Error::MemberChanged)?;
            not_yet(member.number, store::is_erased(tx, id).await?)?;
            // The name goes first: what is told from here on is told without it.
            let member = member::store::save(tx, &forgotten(member)).await?;
            end_answers(tx, id, caller.now).await?;
            store::forget(tx, id).await?;
            store::seal_erased(tx, id).await?;
            tx.audit(Audit::created("member", id, json!({ "erased": true, "reason": message.reason.trim() })));
            member::rpc::tell(tx, &member, ages);
            let erased = pb::MemberErased {
                member_id: id.to_string(),
                account_id: account_id.to_string(),
                number: member.number.to_string(),
            };
            tx.publish(Subject { id: id.uuid(), version: member.version }, &erased);
            leave(tx, account, id).await?;
            member::rpc::recount(tx, account_id).await?;
            Ok::<_, Error>(pb::EraseMemberResponse { member: Some(member.seen(ages).into()) })
        })
        .await;
        self.sweeper.begin();
        reply
    }
}

/// Who else may know something of a member. The books name accounts, and no person.
const OTHERS: [&str; 2] = ["identity", "pos"];

impl Rpc {
    /// What the others know, by service. It is all of it, or nothing is told.
    async fn ask(&self, caller: &Caller, member_id: &str) -> Result<Map<String, Value>, Error> {
        let mut told = Map::new();
        for name in OTHERS {
            let peer: Peer = self.app.peer(name).map_err(Fault::new)?;
            let message = TellPersonalDataRequest { member_id: member_id.to_owned() };
            let mut client = PersonalDataSourceServiceClient::new(peer.channel());
            let answer = client.tell_personal_data(peer.request(Some(caller), message)?).await;
            let document = answer.map_err(Refused::from)?.into_inner().document;
            told.insert(name.to_owned(), serde_json::from_str(&document).map_err(Fault::new)?);
        }
        Ok(told)
    }
}

/// Nobody answers for him, and he for nobody any more; the last adult of somebody under age is replaced first.
async fn end_answers(tx: &mut Tx, id: MemberId, now: DateTime<Utc>) -> Result<(), Error> {
    for answer in store::answers(tx, id).await? {
        let mut ended = responsible_adult::store::lock(tx, answer).await?.end(now)?;
        ended.details.relation = None;
        let ended = responsible_adult::store::save(tx, &ended).await?;
        tx.audit(Audit::changed(
            "responsible_adult",
            answer,
            json!({ "state": "active" }),
            json!({ "state": "ended" }),
        ));
        responsible_adult::rpc::tell(tx, &ended);
    }
    Ok(())
}

/// Forgets the account with the last of its people, and what was merged into it with the last of those that came from
/// there; he is not the first of any other any more.
async fn leave(tx: &mut Tx, account: Account, member: MemberId) -> Result<(), Error> {
    let (id, others) = (account.id, store::others(tx, account.id, member).await?);
    let whole = match left_of(account, member, others) {
        Left::AsItWas => false,
        Left::Changed(account) => {
            saved(tx, &account, json!({ "primary_member_id": null })).await?;
            false
        }
        Left::Forgotten(account) => {
            forget(tx, account).await?;
            true
        }
    };
    for merged in store::merged_and_left(tx, id, whole).await? {
        let merged = account::store::lock(tx, merged).await?;
        forget(tx, nameless(merged)).await?;
    }
    Ok(())
}

/// Forgets an account that stands for itself again, when all of its people are forgotten.
pub(crate) async fn forget_if_left(tx: &mut Tx, account: Account) -> Result<(), Error> {
    if account.details.kind == Kind::Business || !store::is_left(tx, account.id).await? {
        return Ok(());
    }
    forget(tx, nameless(account)).await
}

/// Forgets all that is known of an account whose name is its number. What is booked stays as it is: the books name accounts
/// by their ids.
async fn forget(tx: &mut Tx, account: Account) -> Result<(), Error> {
    store::forget_account(tx, account.id).await?;
    external_reference::rpc::forget(tx, account.id).await?;
    processor_link::rpc::forget(tx, account.id).await?;
    payment_method::rpc::forget(tx, account.id).await?;
    tax_exemption::rpc::forget(tx, account.id).await?;
    saved(tx, &account, json!({ "erased": true })).await
}

async fn saved(tx: &mut Tx, account: &Account, after: Value) -> Result<(), Error> {
    let account = account::store::save(tx, account).await?;
    tx.audit(Audit::created("account", account.id, after));
    account::rpc::tell(tx, &account);
    Ok(())
}

/// Opens what is sealed in the rows of the tables that seal.
async fn open(known: &mut Map<String, Value>, keys: &Keys) -> Result<(), Error> {
    for (table, opened) in [("note", "text"), ("identity_document", "number")] {
        for row in known.get_mut(table).and_then(Value::as_array_mut).into_iter().flatten() {
            let id = row["id"].as_str().and_then(|id| Uuid::try_parse(id).ok());
            let (Some(id), Some(sealed)) = (id, row["sealed"].as_str()) else { continue };
            let plain = keys.open_text(&Place::new(table, "sealed", id), sealed).await?;
            if let Some(row) = row.as_object_mut() {
                row.remove("sealed");
                row.insert(opened.to_owned(), Value::String(plain));
            }
        }
    }
    Ok(())
}
