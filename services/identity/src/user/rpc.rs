//! Users on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use db::{Audit, List, Page, Subject, Tx};
use kit::{App, Caller, Reply, check, etag, expect_etag, read, refuse, write};
use proto::identity::v1 as pb;
use tonic::Request;
use types::Violation;

use super::store::Filter;
use super::{Change, Colleague, Person, Shown, State, User, UserId, store};
use crate::change::{difference, means};
use crate::name::name;
use crate::password::hasher::Hasher;
use crate::password::rpc::around;
use crate::password::{self, Password};
use crate::role::{self, Role, rpc::own};
use crate::sign_in::{guard, store as throttle};
use crate::trust::told::Told;
use crate::{Error, NAME, invitation, pin, portal, session};

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) hasher: Hasher,
    pub(crate) told: Arc<Told>,
    /// Where the pages are that letters link to.
    pub(crate) web_url: Arc<str>,
}

#[async_trait]
impl pb::user_service_server::UserService for Rpc {
    async fn list_users(&self, request: Request<pb::ListUsersRequest>) -> Reply<pb::ListUsersResponse> {
        read(&self.app.db, request, async |conn, caller, message| {
            let list = List::parse(&message)?;
            let filter =
                Filter { state: asked_state(message.state()), role: message.role.filter(|slug| !slug.is_empty()) };
            let Page { data, total } = store::list(conn, &filter, caller.now, &list).await?;
            let data = data.into_iter().map(|user| user.at(caller.now)).collect();
            Ok::<_, Error>(Page { data, total }.answer(&list))
        })
        .await
    }

    async fn list_all_users(&self, request: Request<pb::ListAllUsersRequest>) -> Reply<pb::ListAllUsersResponse> {
        read(&self.app.db, request, async |conn, _caller, _message| {
            let data = store::colleagues(conn).await?.into_iter().map(Into::into).collect();
            Ok::<_, Error>(pb::ListAllUsersResponse { data })
        })
        .await
    }

    async fn get_user(&self, request: Request<pb::GetUserRequest>) -> Reply<pb::GetUserResponse> {
        read(&self.app.db, request, async |conn, caller, message| {
            let user = store::get(conn, UserId::parse("id", &message.id)?).await?.staff()?;
            Ok::<_, Error>(pb::GetUserResponse { user: Some(user.at(caller.now).into()) })
        })
        .await
    }

    async fn create_user(&self, request: Request<pb::CreateUserRequest>) -> Reply<pb::CreateUserResponse> {
        let (_, message) = check(&request)?;
        let hash = self.first_hash(message).await.map_err(|error| refuse(NAME, &error))?;
        let web_url = Arc::clone(&self.web_url);
        write(&self.app.db, request, async move |tx, caller, message| {
            let roles = role::store::hold_named(tx, "roles", &message.roles).await?;
            role::may_give(&own(caller), &role::union(&roles))?;
            let user = create(tx, UserId::new(), &person(message)?, &roles, hash.as_deref()).await?;
            if user.state == State::Invited {
                invitation::rpc::send(tx, &web_url, &user).await?;
            }
            Ok::<_, Error>(pb::CreateUserResponse { user: Some(user.into()) })
        })
        .await
    }

    async fn update_user(&self, request: Request<pb::UpdateUserRequest>) -> Reply<pb::UpdateUserResponse> {
        let web_url = Arc::clone(&self.web_url);
        let answer = write(&self.app.db, request, async move |tx, caller, message| {
            let sent = message.user.as_ref().ok_or_else(|| Violation::new("user", "is required"))?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let (user, is_moved) = update(tx, caller, sent, mask).await?;
            if is_moved && user.state == State::Invited {
                invitation::rpc::send(tx, &web_url, &user).await?;
            }
            Ok::<_, Error>(pb::UpdateUserResponse { user: Some(user.at(caller.now).into()) })
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn disable_user(&self, request: Request<pb::DisableUserRequest>) -> Reply<pb::DisableUserResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, message| {
            let (admins, user) = lock_leaving(tx, caller, &message.id).await?;
            let left = save(tx, &user, user.clone().disable(&admins)?).await?;
            end_access(tx, left.id, "the user was disabled").await?;
            Ok::<_, Error>(pb::DisableUserResponse { user: Some(left.at(caller.now).into()) })
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn enable_user(&self, request: Request<pb::EnableUserRequest>) -> Reply<pb::EnableUserResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let user = lock(tx, caller, &message.id).await?;
            role::may_give(&own(caller), &user.permissions)?;
            let user = save(tx, &user, user.clone().enable()?).await?;
            Ok::<_, Error>(pb::EnableUserResponse { user: Some(user.at(caller.now).into()) })
        })
        .await
    }

    async fn invite_user(&self, request: Request<pb::InviteUserRequest>) -> Reply<pb::InviteUserResponse> {
        let web_url = Arc::clone(&self.web_url);
        write(&self.app.db, request, async move |tx, caller, message| {
            let user = lock(tx, caller, &message.id).await?.invited()?;
            role::may_give(&own(caller), &user.permissions)?;
            invitation::rpc::send(tx, &web_url, &user).await?;
            Ok::<_, Error>(pb::InviteUserResponse { user: Some(user.into()) })
        })
        .await
    }

    async fn unlock_user(&self, request: Request<pb::UnlockUserRequest>) -> Reply<pb::UnlockUserResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let user = lock(tx, caller, &message.id).await?.at(caller.now);
            let until = user.locked_until;
            let user = user.unlock()?;
            throttle::forgive(tx, &guard::hashed(&user.person.email)).await?;
            let locked = |until| serde_json::json!({ "locked_until": until });
            tx.audit(Audit::changed("user", user.id, locked(until), locked(None)));
            Ok::<_, Error>(pb::UnlockUserResponse { user: Some(user.into()) })
        })
        .await
    }

    async fn archive_user(&self, request: Request<pb::ArchiveUserRequest>) -> Reply<pb::ArchiveUserResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, message| {
            let (admins, user) = lock_leaving(tx, caller, &message.id).await?;
            let gone = user.clone().archive(&admins)?;
            store::set_roles(tx, gone.id, &[]).await?;
            let gone = save(tx, &user, gone).await?;
            end_access(tx, gone.id, "the user was archived").await?;
            Ok::<_, Error>(pb::ArchiveUserResponse { user: Some(gone.at(caller.now).into()) })
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }
}

impl Rpc {
    /// The hash of a first password, when there is one.
    async fn first_hash(&self, message: &pb::CreateUserRequest) -> Result<Option<String>, Error> {
        let Some(password) = message.password.as_deref() else { return Ok(None) };
        let around = around(&mut *self.app.db.read().await?, &person(message)?).await?;
        self.hasher.hash(Password::parse(password, &around)?).await.map(Some)
    }
}

/// Whatever the user could come in with opens nothing any more.
pub(crate) async fn end_access(tx: &mut Tx, id: UserId, why: &str) -> Result<(), Error> {
    invitation::store::withdraw(tx, id).await?;
    password::store::withdraw(tx, id).await?;
    pin::store::distrust(tx, id).await?;
    let now = tx.context().now;
    session::rpc::end_all(tx, id, now, why).await
}

/// Locks the user whom the caller believes to know.
async fn lock(tx: &mut Tx, caller: &Caller, id: &str) -> Result<User, Error> {
    let user = store::lock(tx, UserId::parse("id", id)?).await?.staff()?;
    expect_etag(caller.if_match.as_deref(), user.version, || Error::UserChanged)?;
    Ok(user)
}

/// Locks the active administrators and a user who is to go: them first, so that two who disable each other wait and do
/// not embrace.
async fn lock_leaving(tx: &mut Tx, caller: &Caller, id: &str) -> Result<(Vec<UserId>, User), Error> {
    let admins = store::lock_active_admins(tx).await?;
    Ok((admins, lock(tx, caller, id).await?))
}

/// Changes the named fields; says whether the address is another one. Roles are held first, then administrators, then the
/// user: everybody locks in this order.
async fn update(tx: &mut Tx, caller: &Caller, sent: &pb::User, mask: Option<&[String]>) -> Result<(User, bool), Error> {
    let roles =
        if means(mask, "roles") { Some(role::store::hold_named(tx, "user.roles", &sent.roles).await?) } else { None };
    let admins = if roles.is_some() { store::lock_active_admins(tx).await? } else { Vec::new() };
    let user = store::lock(tx, UserId::parse("user.id", &sent.id)?).await?.staff()?;
    expect_etag(caller.if_match.as_deref(), user.version, || Error::UserChanged)?;
    let person = changed_person(&user.person, sent, mask)?;
    let is_moved = person.email != user.person.email;
    if is_moved {
        // Whoever reads the mail of an address can become its user.
        role::may_give(&own(caller), &user.permissions)?;
    }
    let slugs = roles.as_ref().map_or_else(|| user.roles.clone(), |roles| role::slugs(roles));
    let changed = user.clone().change(Change { person, roles: slugs }, &admins)?;
    if let Some(roles) = &roles {
        role::may_add(&own(caller), &user.permissions, &role::union(roles))?;
        store::set_roles(tx, user.id, roles).await?;
    }
    let saved = save(tx, &user, changed).await?;
    if is_moved {
        password::store::withdraw(tx, saved.id).await?;
    }
    if saved.permissions != user.permissions {
        session::store::revoke_all_tokens(tx, &[saved.id]).await?;
    }
    Ok((saved, is_moved))
}

fn changed_person(person: &Person, sent: &pb::User, mask: Option<&[String]>) -> Result<Person, Violation> {
    let mut person = person.clone();
    if means(mask, "email") {
        person.email.clone_from(&sent.email);
    }
    if means(mask, "first_name") {
        person.first_name = name("user.first_name", &sent.first_name)?;
    }
    if means(mask, "last_name") {
        person.last_name = name("user.last_name", &sent.last_name)?;
    }
    Ok(person)
}

/// Who a request speaks of.
pub(crate) fn person(message: &pb::CreateUserRequest) -> Result<Person, Violation> {
    Ok(Person {
        email: message.email.clone(),
        first_name: name("first_name", &message.first_name)?,
        last_name: name("last_name", &message.last_name)?,
    })
}

/// Adds a user, tells it and records it.
pub(crate) async fn create(
    tx: &mut Tx,
    id: UserId,
    person: &Person,
    roles: &[Role],
    password_hash: Option<&str>,
) -> Result<User, Error> {
    let user = store::insert(tx, id, person, roles, password_hash).await?;
    tell(tx, &user);
    tx.audit(Audit::created("user", id, user.fields()));
    Ok(user)
}

/// Saves a user who differs, tells it and records the change.
pub(crate) async fn save(tx: &mut Tx, before: &User, user: User) -> Result<User, Error> {
    let Some((old, new)) = difference(before.fields(), user.fields()) else { return Ok(user) };
    let user = store::save(tx, &user).await?;
    tell(tx, &user);
    let kind = if user.membership.is_some() { "portal_user" } else { "user" };
    tx.audit(Audit::changed(kind, user.id, old, new));
    Ok(user)
}

/// Tells how a user now is: the staff and customers each under a name of their own.
pub(crate) fn tell(tx: &mut Tx, user: &User) {
    if user.membership.is_some() {
        return portal::rpc::tell(tx, user);
    }
    let user = user.clone().at(tx.context().now);
    let (id, version) = (user.id, user.version);
    tx.publish(Subject { id: id.uuid(), version }, &pb::UserChanged { user: Some(user.into()), version });
}

pub(crate) fn asked_state(state: pb::user::State) -> Option<Shown> {
    match state {
        pb::user::State::Unspecified => None,
        pb::user::State::Invited => Some(Shown::Invited),
        pb::user::State::Active => Some(Shown::Active),
        pb::user::State::Locked => Some(Shown::Locked),
        pb::user::State::Disabled => Some(Shown::Disabled),
        pb::user::State::Archived => Some(Shown::Archived),
    }
}

impl From<Shown> for pb::user::State {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Invited => Self::Invited,
            Shown::Active => Self::Active,
            Shown::Locked => Self::Locked,
            Shown::Disabled => Self::Disabled,
            Shown::Archived => Self::Archived,
        }
    }
}

impl From<User> for pb::User {
    fn from(user: User) -> Self {
        let state = pb::user::State::from(user.shown());
        let User { id, employee_number, membership, person, roles, permissions, locked_until, .. } = user;
        let acts_for = membership.iter().flat_map(|customer| &customer.acts_for).map(ToString::to_string).collect();
        Self {
            id: id.to_string(),
            email: person.email,
            first_name: person.first_name,
            last_name: person.last_name,
            roles,
            permissions: permissions.words(),
            state: state.into(),
            created_at: Some(proto::timestamp(user.created_at)),
            updated_at: Some(proto::timestamp(user.updated_at)),
            etag: etag(user.version),
            employee_number: employee_number.map(|number| number.to_string()),
            member_id: membership.map(|customer| customer.member_id.to_string()),
            acts_for,
            locked_until: locked_until.map(proto::timestamp),
        }
    }
}

impl From<Colleague> for pb::Colleague {
    fn from(colleague: Colleague) -> Self {
        let Colleague { id, first_name, last_name, employee_number } = colleague;
        Self { id: id.to_string(), first_name, last_name, employee_number: employee_number.to_string() }
    }
}
