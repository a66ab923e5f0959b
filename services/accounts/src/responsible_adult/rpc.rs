//! Responsible adults on the wire.

use std::collections::BTreeSet;

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Caller, Reply, Tx, expect_etag, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::responsible_adult_service_server::ResponsibleAdultService;
use serde_json::json;
use tonic::Request;
use types::Violation;

use super::store::Of;
use super::{Details, Draft, Power, ResponsibleAdult, ResponsibleAdultId, State, may_answer, store};
use crate::Error;
use crate::audit::Audit;
use crate::change::{difference, named, text};
use crate::member::{self, Ages, Member, MemberId};

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl ResponsibleAdultService for Rpc {
    async fn list_responsible_adults(
        &self,
        request: Request<pb::ListResponsibleAdultsRequest>,
    ) -> Reply<pb::ListResponsibleAdultsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let member = member::store::get(conn, MemberId::parse("member_id", &message.member_id)?).await?;
            let page = store::list(conn, Of::Member(member.id), state(message.state), &list).await?;
            Ok::<_, Error>(page.answer(&list))
        })
        .await
    }

    async fn list_dependants(&self, request: Request<pb::ListDependantsRequest>) -> Reply<pb::ListDependantsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let adult = member::store::get(conn, MemberId::parse("adult_id", &message.adult_id)?).await?;
            let page = store::list(conn, Of::Adult(adult.id), state(message.state), &list).await?;
            Ok::<_, Error>(page.answer(&list))
        })
        .await
    }

    async fn get_responsible_adult(
        &self,
        request: Request<pb::GetResponsibleAdultRequest>,
    ) -> Reply<pb::GetResponsibleAdultResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let adult = store::get(conn, ResponsibleAdultId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetResponsibleAdultResponse { responsible_adult: Some(adult.into()) })
        })
        .await
    }

    async fn create_responsible_adult(
        &self,
        request: Request<pb::CreateResponsibleAdultRequest>,
    ) -> Reply<pb::CreateResponsibleAdultResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let new = wanted(message.responsible_adult.as_ref())?;
            let draft = Draft {
                id: ResponsibleAdultId::new(),
                member_id: MemberId::parse("responsible_adult.member_id", &new.member_id)?,
                adult_id: MemberId::parse("responsible_adult.adult_id", &new.adult_id)?,
                details: details(new)?,
            };
            let ages = member::store::say_ages(tx, caller.now).await?;
            let found = member::store::lock_all(tx, &[draft.member_id, draft.adult_id]).await?;
            let one = |id: MemberId| found.iter().find(|member| member.id == id).ok_or(Error::MemberNotFound(id));
            let (member, adult) = (one(draft.member_id)?, one(draft.adult_id)?);
            may_answer(adult, member, ages)?;
            let (added, _) = add(tx, member.clone(), draft, ages).await?;
            Ok::<_, Error>(pb::CreateResponsibleAdultResponse { responsible_adult: Some(added.into()) })
        })
        .await
    }

    async fn update_responsible_adult(
        &self,
        request: Request<pb::UpdateResponsibleAdultRequest>,
    ) -> Reply<pb::UpdateResponsibleAdultResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let update = wanted(message.responsible_adult.as_ref())?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            member::store::say_ages(tx, caller.now).await?;
            let before = lock(tx, caller, "responsible_adult.id", &update.id).await?;
            before.is_active()?;
            let after = ResponsibleAdult { details: changed(&before.details, update, mask)?, ..before.clone() };
            let adult = match difference(&before.details, &after.details) {
                None => before,
                Some((old, new)) => {
                    let adult = store::save(tx, &after).await?;
                    tx.audit(Audit::changed("responsible_adult", adult.id, old, new));
                    tell(tx, &adult);
                    adult
                }
            };
            Ok::<_, Error>(pb::UpdateResponsibleAdultResponse { responsible_adult: Some(adult.into()) })
        })
        .await
    }

    async fn end_responsible_adult(
        &self,
        request: Request<pb::EndResponsibleAdultRequest>,
    ) -> Reply<pb::EndResponsibleAdultResponse> {
        write(&self.db, request, async |tx, caller, message| {
            member::store::say_ages(tx, caller.now).await?;
            let ended = lock(tx, caller, "id", &message.id).await?.end(caller.now)?;
            let adult = store::save(tx, &ended).await?;
            let state = |state: State| json!({ "state": <&str>::from(state) });
            tx.audit(Audit::changed("responsible_adult", adult.id, state(State::Active), state(adult.state)));
            tell(tx, &adult);
            Ok::<_, Error>(pb::EndResponsibleAdultResponse { responsible_adult: Some(adult.into()) })
        })
        .await
    }
}

/// Who is known to be under age and has nobody gets the first adult of his account, with all powers; when there is no
/// adult, the member stays flagged.
pub(crate) async fn provide(tx: &mut Tx, member: Member, ages: Ages) -> Result<Member, Error> {
    if !member.needs_adult(ages) {
        return Ok(member);
    }
    let Some(adult_id) = member::store::adult_for(tx, &member, ages).await? else { return Ok(member) };
    let draft = Draft { id: ResponsibleAdultId::new(), member_id: member.id, adult_id, details: Details::all() };
    Ok(add(tx, member, draft, ages).await?.1)
}

/// Stores, records and tells that an adult answers for a locked member, who is not without one any more.
async fn add(tx: &mut Tx, member: Member, draft: Draft, ages: Ages) -> Result<(ResponsibleAdult, Member), Error> {
    store::insert(tx, std::slice::from_ref(&draft)).await?;
    let adult = store::get(tx, draft.id).await?;
    created(tx, &adult);
    if !member.awaits_adult {
        return Ok((adult, member));
    }
    let member = member::store::answered_for(tx, member.id).await?;
    member::rpc::tell(tx, &member, ages);
    Ok((adult, member))
}

/// Records and tells that an adult answers for somebody.
pub(crate) fn created(tx: &mut Tx, adult: &ResponsibleAdult) {
    let mut after = json!(adult.details);
    after["member_id"] = json!(adult.member_id.to_string());
    after["adult_id"] = json!(adult.adult_id.to_string());
    tx.audit(Audit::created("responsible_adult", adult.id, after));
    tell(tx, adult);
}

/// Tells the others how it now is.
pub(crate) fn tell(tx: &mut Tx, adult: &ResponsibleAdult) {
    let subject = Subject { id: adult.id.uuid(), version: adult.version };
    let event = pb::ResponsibleAdultChanged { responsible_adult: Some(adult.clone().into()), version: adult.version };
    tx.publish(subject, &event);
}

/// Locks the minor and then what a command names: two who take away one of the last two come after each other.
async fn lock(tx: &mut Tx, caller: &Caller, field: &str, id: &str) -> Result<ResponsibleAdult, Error> {
    let id = ResponsibleAdultId::parse(field, id)?;
    let member_id = store::get(tx, id).await?.member_id;
    member::store::lock(tx, member_id).await?;
    let adult = store::lock(tx, id).await?;
    expect_etag(caller.if_match.as_deref(), adult.version, || Error::ResponsibleAdultChanged)?;
    Ok(adult)
}

fn state(state: Option<i32>) -> State {
    match state.map(pb::responsible_adult::State::try_from) {
        Some(Ok(pb::responsible_adult::State::Ended)) => State::Ended,
        _ => State::Active,
    }
}

fn wanted(adult: Option<&pb::ResponsibleAdult>) -> Result<&pb::ResponsibleAdult, Violation> {
    adult.ok_or_else(|| Violation::new("responsible_adult", "is required"))
}

fn details(message: &pb::ResponsibleAdult) -> Result<Details, Violation> {
    let powers = if message.powers.is_empty() { Power::ALL.into() } else { powers(message)? };
    Ok(Details { powers, relation: text(message.relation.as_deref()) })
}

/// Details with the named fields taken from an update.
fn changed(details: &Details, update: &pb::ResponsibleAdult, mask: Option<&[String]>) -> Result<Details, Violation> {
    let mut details = details.clone();
    if named(mask, "powers") {
        details.powers = powers(update)?;
    }
    if named(mask, "relation") {
        details.relation = text(update.relation.as_deref());
    }
    Ok(details)
}

fn powers(message: &pb::ResponsibleAdult) -> Result<BTreeSet<Power>, Violation> {
    const FIELD: &str = "responsible_adult.powers";
    let known: Option<BTreeSet<Power>> = message.powers().map(power).collect();
    let unknown = message.powers.iter().any(|number| pb::responsible_adult::Power::try_from(*number).is_err());
    known
        .filter(|powers| !powers.is_empty() && !unknown)
        .ok_or_else(|| Violation::new(FIELD, "must be some of pickup, portal, consent and pay"))
}

fn power(power: pb::responsible_adult::Power) -> Option<Power> {
    match power {
        pb::responsible_adult::Power::Unspecified => None,
        pb::responsible_adult::Power::Pickup => Some(Power::Pickup),
        pb::responsible_adult::Power::Portal => Some(Power::Portal),
        pb::responsible_adult::Power::Consent => Some(Power::Consent),
        pb::responsible_adult::Power::Pay => Some(Power::Pay),
    }
}

impl From<Power> for pb::responsible_adult::Power {
    fn from(power: Power) -> Self {
        match power {
            Power::Pickup => Self::Pickup,
            Power::Portal => Self::Portal,
            Power::Consent => Self::Consent,
            Power::Pay => Self::Pay,
        }
    }
}

impl From<ResponsibleAdult> for pb::ResponsibleAdult {
    fn from(adult: ResponsibleAdult) -> Self {
        let state = match adult.state {
            State::Active => pb::responsible_adult::State::Active,
            State::Ended => pb::responsible_adult::State::Ended,
        };
        Self {
            id: adult.id.to_string(),
            member_id: adult.member_id.to_string(),
            adult_id: adult.adult_id.to_string(),
            member_name: adult.member_name,
            adult_name: adult.adult_name,
            powers: adult
                .details
                .powers
                .into_iter()
                .map(|power| pb::responsible_adult::Power::from(power).into())
                .collect(),
            relation: adult.details.relation,
            state: state.into(),
            ended_at: adult.ended_at.map(proto::timestamp),
            created_at: Some(proto::timestamp(adult.created_at)),
            updated_at: Some(proto::timestamp(adult.updated_at)),
            etag: kit::etag(adult.version),
        }
    }
}
