//! Members on the wire.

mod moving;

use async_trait::async_trait;
use db::{Conn, Db, List, Page, Subject};
use kit::{Caller, Reply, Tx, expect_etag, read, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::member_service_server::MemberService;
use serde_json::{Value, json};
use tonic::Request;
use types::{Date, Violation, Violations, parse_date};

use super::{
    AgeOverride, Ages, CountsAs, Draft, Filter, Member, MemberId, MinorReason, Person, Seen, State, born_by, store,
};
use crate::Error;
use crate::account::{self, AccountId};
use crate::audit::Audit;
use crate::change::{difference, named, text};
use crate::personal_data;
use crate::responsible_adult;
use crate::tag::{fold, folded};

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl MemberService for Rpc {
    async fn list_members(&self, request: Request<pb::ListMembersRequest>) -> Reply<pb::ListMembersResponse> {
        read(&self.db, request, async |conn, caller, message| {
            let list = List::parse(&message)?;
            let account_id = AccountId::parse_some("account_id", message.account_id.as_deref())?;
            let account_id = match account_id {
                Some(id) => Some(account::store::standing_id(conn, id).await?),
                None => None,
            };
            let state = match message.state.map(pb::member::State::try_from) {
                Some(Ok(pb::member::State::Archived)) => State::Archived,
                _ => State::Active,
            };
            let ages = store::ages(conn, caller.now).await?;
            let filter = Filter {
                account_id,
                state,
                minor: message.is_minor,
                needs_adult: message.needs_responsible_adult,
                born_on_unknown: message.born_on_unknown,
                tag: text(message.tag.as_deref()).map(|tag| fold(&tag)),
                ages,
            };
            Ok::<_, Error>(page(conn, &filter, &list).await?.answer(&list))
        })
        .await
    }

    async fn list_account_members(
        &self,
        request: Request<pb::ListAccountMembersRequest>,
    ) -> Reply<pb::ListAccountMembersResponse> {
        read(&self.db, request, async |conn, caller, message| {
            let list = List::parse(&message)?;
            let account = account::store::get(conn, AccountId::parse("account_id", &message.account_id)?).await?;
            let ages = store::ages(conn, caller.now).await?;
            let filter = Filter { account_id: Some(account.id), ..Filter::live(ages) };
            Ok::<_, Error>(page(conn, &filter, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_member(&self, request: Request<pb::GetMemberRequest>) -> Reply<pb::GetMemberResponse> {
        read(&self.db, request, async |conn, caller, message| {
            let member = store::get(conn, MemberId::parse("id", &message.id)?).await?;
            let ages = store::ages(conn, caller.now).await?;
            Ok::<_, Error>(pb::GetMemberResponse { member: Some(member.seen(ages).into()) })
        })
        .await
    }

    async fn create_member(&self, request: Request<pb::CreateMemberRequest>) -> Reply<pb::CreateMemberResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let new = wanted(message.member.as_ref())?;
            let account_id = AccountId::parse("member.account_id", &new.account_id)?;
            let ages = store::say_ages(tx, caller.now).await?;
            let draft = Draft { id: MemberId::new(), account_id, person: person(new, ages)? };
            account::store::lock(tx, account_id).await?.takes_members()?;
            let member = store::insert(tx, std::slice::from_ref(&draft)).await?.remove(0);
            created(tx, &member, ages);
            let member = responsible_adult::rpc::provide(tx, member, ages).await?;
            recount(tx, account_id).await?;
            Ok::<_, Error>(pb::CreateMemberResponse { member: Some(member.seen(ages).into()) })
        })
        .await
    }

    async fn update_member(&self, request: Request<pb::UpdateMemberRequest>) -> Reply<pb::UpdateMemberResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let update = wanted(message.member.as_ref())?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let ages = store::say_ages(tx, caller.now).await?;
            let before = lock(tx, caller, MemberId::parse("member.id", &update.id)?).await?;
            let after = Member { person: changed(&before.person, update, mask, ages)?, ..before.clone() };
            let member = match difference(&before.person, &after.person) {
                None => before,
                Some((old, new)) => changed_to(tx, &after, ages, old, new).await?,
            };
            Ok::<_, Error>(pb::UpdateMemberResponse { member: Some(member.seen(ages).into()) })
        })
        .await
    }

    async fn override_minor(&self, request: Request<pb::OverrideMinorRequest>) -> Reply<pb::OverrideMinorResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let counts_as = match message.counts_as() {
                pb::minor_override::CountsAs::Adult => CountsAs::Adult,
                _ => CountsAs::Minor,
            };
            let known = AgeOverride {
                counts_as,
                reason: message.reason.trim().to_owned(),
                by: caller.user_id(),
                by_name: caller.user_name().to_owned(),
                at: caller.now,
            };
            let member = count_as(tx, caller, &message.id, Some(known)).await?;
            Ok::<_, Error>(pb::OverrideMinorResponse { member: Some(member.into()) })
        })
        .await
    }

    async fn clear_minor_override(
        &self,
        request: Request<pb::ClearMinorOverrideRequest>,
    ) -> Reply<pb::ClearMinorOverrideResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let member = count_as(tx, caller, &message.id, None).await?;
            Ok::<_, Error>(pb::ClearMinorOverrideResponse { member: Some(member.into()) })
        })
        .await
    }

    async fn move_member(&self, request: Request<pb::MoveMemberRequest>) -> Reply<pb::MoveMemberResponse> {
        write(&self.db, request, moving::go).await
    }

    async fn archive_member(&self, request: Request<pb::ArchiveMemberRequest>) -> Reply<pb::ArchiveMemberResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let id = MemberId::parse("id", &message.id)?;
            let ages = store::say_ages(tx, caller.now).await?;
            let archived = lock_with_account(tx, caller, id).await?.archive()?;
            let account_id = archived.account_id;
            let member = store::save(tx, &archived).await?;
            let state = |state: State| json!({ "state": <&str>::from(state) });
            tx.audit(Audit::changed("member", id, state(State::Active), state(member.state)));
            tell(tx, &member, ages);
            recount(tx, account_id).await?;
            Ok::<_, Error>(pb::ArchiveMemberResponse { member: Some(member.seen(ages).into()) })
        })
        .await
    }
}

/// Records and tells that a person was added.
pub(crate) fn created(tx: &mut Tx, member: &Member, ages: Ages) {
    let mut after = json!(member.person);
    after["account_id"] = json!(member.account_id.to_string());
    after["number"] = json!(member.number);
    tx.audit(Audit::created("member", member.id, after));
    tell(tx, member, ages);
}

/// Tells the others what a member is now.
pub(crate) fn tell(tx: &mut Tx, member: &Member, ages: Ages) {
    let subject = Subject { id: member.id.uuid(), version: member.version };
    let copy = member.clone().seen(ages).into();
    tx.publish(subject, &pb::MemberChanged { member: Some(copy), version: member.version });
}

/// Sets or clears what somebody counts as against the date of birth.
async fn count_as(tx: &mut Tx, caller: &Caller, id: &str, known: Option<AgeOverride>) -> Result<Seen, Error> {
    let ages = store::say_ages(tx, caller.now).await?;
    let before = lock(tx, caller, MemberId::parse("id", id)?).await?;
    let after = Member { age_override: known, ..before.clone() };
    let shown = |member: &Member| {
        let known = member.age_override.as_ref();
        json!({ "minor_override": known.map(|known| json!({ "counts_as": known.counts_as, "reason": known.reason })) })
    };
    let member = match difference(&shown(&before), &shown(&after)) {
        None => before,
        Some((old, new)) => changed_to(tx, &after, ages, old, new).await?,
    };
    Ok(member.seen(ages))
}

/// Stores, records and tells a change; who became a minor by it gets the adult of his account.
async fn changed_to(tx: &mut Tx, after: &Member, ages: Ages, old: Value, new: Value) -> Result<Member, Error> {
    let member = store::save(tx, after).await?;
    tx.audit(Audit::changed("member", member.id, old, new));
    tell(tx, &member, ages);
    responsible_adult::rpc::provide(tx, member, ages).await
}

/// The account says how many members it has, so it has changed too.
pub(crate) async fn recount(tx: &mut Tx, id: AccountId) -> Result<(), Error> {
    for account in account::store::count_members(tx, &[id]).await? {
        account::rpc::tell(tx, &account);
    }
    Ok(())
}

async fn lock(tx: &mut Tx, caller: &Caller, id: MemberId) -> Result<Member, Error> {
    let member = personal_data::store::lock_known(tx, id).await?;
    expect_etag(caller.if_match.as_deref(), member.version, || Error::MemberChanged)?;
    Ok(member)
}

/// Locks the account first: that is the order of locks everywhere.
async fn lock_with_account(tx: &mut Tx, caller: &Caller, id: MemberId) -> Result<Member, Error> {
    let account_id = store::get(tx, id).await?.account_id;
    account::store::lock(tx, account_id).await?;
    lock(tx, caller, id).await?.still_on(account_id)
}

/// Tells the others what some members are now.
pub(crate) async fn tell_all(tx: &mut Tx, ages: Ages, ids: &[MemberId]) -> Result<(), Error> {
    for member in store::lock_all(tx, ids).await? {
        tell(tx, &member, ages);
    }
    Ok(())
}

async fn page(conn: &mut Conn, filter: &Filter, list: &List) -> Result<Page<Seen>, Error> {
    let page = store::list(conn, filter, list).await?;
    let data = page.data.into_iter().map(|member| member.seen(filter.ages)).collect();
    Ok(Page { data, total: page.total })
}

fn wanted(member: Option<&pb::Member>) -> Result<&pb::Member, Violation> {
    member.ok_or_else(|| Violation::new("member", "is required"))
}

pub(crate) fn person(message: &pb::Member, ages: Ages) -> Result<Person, Violation> {
    Ok(Person {
        first_name: message.first_name.trim().to_owned(),
        last_name: message.last_name.trim().to_owned(),
        email: text(message.email.as_deref()),
        phone: text(message.phone.as_deref()),
        born_on: born_on(message, ages)?,
        tags: folded("member.tags", &message.tags)?,
    })
}

/// A person with the named fields taken from an update.
fn changed(person: &Person, update: &pb::Member, mask: Option<&[String]>, ages: Ages) -> Result<Person, Violations> {
    let mut person = person.clone();
    if named(mask, "first_name") {
        update.first_name.trim().clone_into(&mut person.first_name);
    }
    if named(mask, "last_name") {
        update.last_name.trim().clone_into(&mut person.last_name);
    }
    if named(mask, "email") {
        person.email = text(update.email.as_deref());
    }
    if named(mask, "phone") {
        person.phone = text(update.phone.as_deref());
    }
    if named(mask, "born_on") {
        person.born_on = born_on(update, ages)?;
    }
    if named(mask, "tags") {
        person.tags = folded("member.tags", &update.tags)?;
    }
    Ok(person)
}

fn born_on(message: &pb::Member, ages: Ages) -> Result<Option<Date>, Violation> {
    const FIELD: &str = "member.born_on";
    let day = text(message.born_on.as_deref()).map(|day| parse_date(FIELD, &day)).transpose()?;
    born_by(ages.today, FIELD, day)
}

impl From<Seen> for pb::Member {
    fn from(Seen { member, minor, needs_adult }: Seen) -> Self {
        let Member {
            id,
            account_id,
            number,
            person,
            phone_e164,
            age_override,
            awaits_adult: _,
            state,
            version,
            created_at,
            updated_at,
        } = member;
        let Person { first_name, last_name, email, phone, born_on, tags } = person;
        Self {
            id: id.to_string(),
            account_id: account_id.to_string(),
            number: number.to_string(),
            first_name,
            last_name,
            email,
            phone,
            born_on: born_on.map(|day| day.to_string()),
            is_minor: minor.is_some(),
            tags,
            state: pb::member::State::from(state).into(),
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(updated_at)),
            etag: kit::etag(version),
            minor_reason: minor.map(|reason| pb::member::MinorReason::from(reason).into()),
            minor_override: age_override.map(Into::into),
            needs_responsible_adult: needs_adult,
            phone_e164,
        }
    }
}

impl From<MinorReason> for pb::member::MinorReason {
    fn from(reason: MinorReason) -> Self {
        match reason {
            MinorReason::UnderAge => Self::UnderAge,
            MinorReason::BornOnUnknown => Self::BornOnUnknown,
            MinorReason::Override => Self::Override,
        }
    }
}

impl From<AgeOverride> for pb::MinorOverride {
    fn from(known: AgeOverride) -> Self {
        let counts_as = match known.counts_as {
            CountsAs::Minor => pb::minor_override::CountsAs::Minor,
            CountsAs::Adult => pb::minor_override::CountsAs::Adult,
        };
        Self {
            counts_as: counts_as.into(),
            reason: known.reason,
            set_by: known.by.map(|id| id.to_string()),
            set_by_name: known.by_name,
            set_at: Some(proto::timestamp(known.at)),
        }
    }
}

impl From<State> for pb::member::State {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Archived => Self::Archived,
        }
    }
}
