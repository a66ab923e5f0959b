//! Consents on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Caller, Reply, Tx, expect_etag, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::consent_service_server::ConsentService;
use serde_json::json;
use tonic::Request;
use types::{Violation, parse_date};

use super::{Consent, ConsentId, Filter, Next, Recorder, State, Step, decides, holds_until, store};
use crate::Error;
use crate::audit::Audit;
use crate::change::text;
use crate::consent_document::{self, ConsentDocument};
use crate::member::{self, Ages, Member, MemberId};
use crate::responsible_adult;

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl ConsentService for Rpc {
    async fn list_consents(&self, request: Request<pb::ListConsentsRequest>) -> Reply<pb::ListConsentsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let kind = text(message.r#type.as_deref());
            let filter = Filter { member_id: None, kind, state: state(message.state) };
            Ok::<_, Error>(store::list(conn, &filter, &list).await?.answer(&list))
        })
        .await
    }

    async fn list_member_consents(
        &self,
        request: Request<pb::ListMemberConsentsRequest>,
    ) -> Reply<pb::ListMemberConsentsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let member = member::store::get(conn, MemberId::parse("member_id", &message.member_id)?).await?;
            let kind = text(message.r#type.as_deref());
            let filter = Filter { member_id: Some(member.id), kind, state: state(message.state) };
            Ok::<_, Error>(store::list(conn, &filter, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_consent(&self, request: Request<pb::GetConsentRequest>) -> Reply<pb::GetConsentResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let id = ConsentId::parse("id", &message.id)?;
            let mut consent = pb::Consent::from(store::get(conn, id).await?);
            consent.history = store::history(conn, id).await?.into_iter().map(Into::into).collect();
            Ok::<_, Error>(pb::GetConsentResponse { consent: Some(consent) })
        })
        .await
    }

    async fn create_consent(&self, request: Request<pb::CreateConsentRequest>) -> Reply<pb::CreateConsentResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let new = message.consent.as_ref().ok_or_else(|| Violation::new("consent", "is required"))?;
            let member_id = MemberId::parse("consent.member_id", &new.member_id)?;
            member::store::lock(tx, member_id).await?.is_live()?;
            let newest = consent_document::store::newest(tx, &new.r#type).await?;
            let newest =
                newest.ok_or_else(|| Violation::new("consent.type", "has no document yet; publish one first"))?;
            let consent = ask(tx, member_id, &newest, recorder(caller)).await?;
            Ok::<_, Error>(pb::CreateConsentResponse { consent: Some(consent.into()) })
        })
        .await
    }

    async fn grant_consent(&self, request: Request<pb::GrantConsentRequest>) -> Reply<pb::GrantConsentResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let (consent, member, ages) = lock(tx, caller, &message.id).await?;
            let mut next = consent.next(State::Granted, recorder(caller))?;
            let newest = newest(tx, &consent).await?;
            consent.shows(&newest, text(message.document_hash.as_deref()).as_deref())?;
            let asked = text(message.expires_on.as_deref()).map(|day| parse_date("expires_on", &day)).transpose()?;
            next.expires_on = holds_until(&newest, asked, ages.today)?;
            let next = decided(tx, next, &member, message.grantor_id.as_deref(), message.note.as_deref(), ages).await?;
            let consent = add(tx, &consent, next).await?;
            Ok::<_, Error>(pb::GrantConsentResponse { consent: Some(consent.into()) })
        })
        .await
    }

    async fn decline_consent(&self, request: Request<pb::DeclineConsentRequest>) -> Reply<pb::DeclineConsentResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let (consent, member, ages) = lock(tx, caller, &message.id).await?;
            let next = consent.next(State::Declined, recorder(caller))?;
            let next = decided(tx, next, &member, message.grantor_id.as_deref(), message.note.as_deref(), ages).await?;
            let consent = add(tx, &consent, next).await?;
            Ok::<_, Error>(pb::DeclineConsentResponse { consent: Some(consent.into()) })
        })
        .await
    }

    async fn withdraw_consent(
        &self,
        request: Request<pb::WithdrawConsentRequest>,
    ) -> Reply<pb::WithdrawConsentResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let (consent, member, ages) = lock(tx, caller, &message.id).await?;
            let mut next = consent.next(State::Withdrawn, recorder(caller))?;
            let by = MemberId::parse_some("grantor_id", message.grantor_id.as_deref())?;
            let granted_by = || consent.step.grantor.as_ref().map(|(grantor, _)| *grantor);
            let by = by.or_else(granted_by).unwrap_or(member.id);
            consent.may_withdraw(by, &member, ages)?;
            next.grantor_id = Some(by);
            next.on_behalf = by != member.id;
            next.note = text(message.note.as_deref());
            let consent = add(tx, &consent, next).await?;
            Ok::<_, Error>(pb::WithdrawConsentResponse { consent: Some(consent.into()) })
        })
        .await
    }
}

/// Opens a consent to a version of a text, for a locked member.
pub(crate) async fn ask(
    tx: &mut Tx,
    member_id: MemberId,
    document: &ConsentDocument,
    by: Recorder,
) -> Result<Consent, Error> {
    let id = ConsentId::new();
    store::insert(tx, &[(id, member_id)], &document.kind).await?;
    store::append(tx, &[Consent::request(id, document.id, by)]).await?;
    let consent = store::get(tx, id).await?;
    let after =
        json!({ "member_id": member_id.to_string(), "type": consent.kind, "document_version": document.version });
    tx.audit(Audit::created("consent", id, after));
    tell(tx, &consent);
    Ok(consent)
}

/// Adds, records and tells a step.
async fn add(tx: &mut Tx, before: &Consent, next: Next) -> Result<Consent, Error> {
    store::append(tx, &[next]).await?;
    recorded(tx, before.id, before.step.state).await
}

/// Records and tells the step that was just added.
pub(crate) async fn recorded(tx: &mut Tx, id: ConsentId, before: State) -> Result<Consent, Error> {
    let consent = store::get(tx, id).await?;
    let grantor = consent.step.grantor.as_ref().map(|(grantor, _)| grantor.to_string());
    let after = json!({ "state": <&str>::from(consent.step.state), "grantor_id": grantor });
    tx.audit(Audit::changed("consent", id, json!({ "state": <&str>::from(before) }), after));
    tell(tx, &consent);
    Ok(consent)
}

/// Tells the others how a consent now is.
pub(crate) fn tell(tx: &mut Tx, consent: &Consent) {
    let version = i64::from(consent.step.number);
    let event = pb::ConsentChanged { consent: Some(consent.clone().into()), version };
    tx.publish(Subject { id: consent.id.uuid(), version }, &event);
}

/// Locks the member whose consent a command names: decisions on one person come after each other.
async fn lock(tx: &mut Tx, caller: &Caller, id: &str) -> Result<(Consent, Member, Ages), Error> {
    let id = ConsentId::parse("id", id)?;
    let ages = member::store::say_ages(tx, caller.now).await?;
    let member_id = store::get(tx, id).await?.member_id;
    let member = member::store::lock(tx, member_id).await?;
    let consent = store::get(tx, id).await?;
    let version = i64::from(consent.step.number);
    expect_etag(caller.if_match.as_deref(), version, || Error::ConsentChanged)?;
    Ok((consent, member, ages))
}

async fn newest(tx: &mut Tx, consent: &Consent) -> Result<ConsentDocument, Error> {
    let newest = consent_document::store::newest(tx, &consent.kind).await?;
    newest.ok_or(Error::ConsentDocumentNotFound(consent.step.document.id))
}

/// The step with who decided; without a name that is the member himself.
async fn decided(
    tx: &mut Tx,
    next: Next,
    member: &Member,
    grantor: Option<&str>,
    note: Option<&str>,
    ages: Ages,
) -> Result<Next, Error> {
    let by = MemberId::parse_some("grantor_id", grantor)?.unwrap_or(member.id);
    let answering = responsible_adult::store::answering(tx, member.id).await?;
    let on_behalf = decides(by, member, &answering, ages)?;
    Ok(Next { grantor_id: Some(by), on_behalf, note: text(note), ..next })
}

fn recorder(caller: &Caller) -> Recorder {
    let client_ip = Some(caller.client_ip.clone()).filter(|ip| !ip.is_empty());
    Recorder { id: caller.user_id(), name: caller.user_name().to_owned(), client_ip }
}

fn state(state: Option<i32>) -> Option<State> {
    match pb::consent::State::try_from(state?).ok()? {
        pb::consent::State::Unspecified => None,
        pb::consent::State::Requested => Some(State::Requested),
        pb::consent::State::Granted => Some(State::Granted),
        pb::consent::State::Declined => Some(State::Declined),
        pb::consent::State::Withdrawn => Some(State::Withdrawn),
        pb::consent::State::Superseded => Some(State::Superseded),
        pb::consent::State::Expired => Some(State::Expired),
        pb::consent::State::Outgrown => Some(State::Outgrown),
    }
}

impl From<State> for pb::consent::State {
    fn from(state: State) -> Self {
        match state {
            State::Requested => Self::Requested,
            State::Granted => Self::Granted,
            State::Declined => Self::Declined,
            State::Withdrawn => Self::Withdrawn,
            State::Superseded => Self::Superseded,
            State::Expired => Self::Expired,
            State::Outgrown => Self::Outgrown,
        }
    }
}

impl From<Consent> for pb::Consent {
    fn from(consent: Consent) -> Self {
        let Consent { id, member_id, member_name, kind, step, created_at } = consent;
        let (grantor_id, grantor_name) = step.grantor.unzip();
        Self {
            id: id.to_string(),
            member_id: member_id.to_string(),
            member_name,
            r#type: kind,
            state: pb::consent::State::from(step.state).into(),
            document_id: step.document.id.to_string(),
            document_version: step.document.version,
            document_hash: step.document.hash,
            grantor_id: grantor_id.map(|id| id.to_string()),
            grantor_name,
            on_behalf: step.on_behalf,
            expires_on: step.expires_on.map(|day| day.to_string()),
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(step.created_at)),
            etag: kit::etag(i64::from(step.number)),
            history: Vec::new(),
        }
    }
}

impl From<Step> for pb::ConsentStep {
    fn from(step: Step) -> Self {
        let (grantor_id, grantor_name) = step.grantor.unzip();
        Self {
            number: step.number,
            state: pb::consent::State::from(step.state).into(),
            document_id: step.document.id.to_string(),
            document_version: step.document.version,
            document_hash: step.document.hash,
            grantor_id: grantor_id.map(|id| id.to_string()),
            grantor_name,
            on_behalf: step.on_behalf,
            expires_on: step.expires_on.map(|day| day.to_string()),
            note: step.note,
            recorded_by: step.recorded_by.map(|id| id.to_string()),
            recorded_by_name: step.recorded_by_name,
            client_ip: step.client_ip,
            created_at: Some(proto::timestamp(step.created_at)),
        }
    }
}
