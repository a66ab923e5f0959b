//! Users on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use db::{Audit, List, Subject, Tx};
use kit::{App, Caller, Permissions, Reply, check, etag, expect_etag, read, refuse, write};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::Request;

use super::store::Filter;
use super::{Person, State, User, UserId, store};
use crate::password::Password;
use crate::password::hasher::Hasher;
use crate::role::{self, Role};
use crate::trust::told::Told;
use crate::{Error, NAME, session};

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) hasher: Hasher,
    pub(crate) told: Arc<Told>,
}

#[async_trait]
impl pb::user_service_server::UserService for Rpc {
    async fn list_users(&self, request: Request<pb::ListUsersRequest>) -> Reply<pb::ListUsersResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let state = match message.state() {
                pb::user::State::Unspecified => None,
                pb::user::State::Active => Some(State::Active),
                pb::user::State::Disabled => Some(State::Disabled),
            };
            let filter = Filter { state, role: message.role.filter(|slug| !slug.is_empty()) };
            Ok::<_, Error>(store::list(conn, &filter, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_user(&self, request: Request<pb::GetUserRequest>) -> Reply<pb::GetUserResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let id = UserId::parse("id", &message.id)?;
            Ok::<_, Error>(pb::GetUserResponse { user: Some(store::get(conn, id).await?.into()) })
        })
        .await
    }

    async fn create_user(&self, request: Request<pb::CreateUserRequest>) -> Reply<pb::CreateUserResponse> {
        let (_, message) = check(&request)?;
        let hash = match Password::parse(&message.password) {
            Ok(password) => self.hasher.hash(password).await,
            Err(error) => Err(error),
        };
        let hash = hash.map_err(|error| refuse(NAME, &error))?;
        write(&self.app.db, request, async move |tx, caller, message| {
            let roles = role::store::named(tx, &message.roles).await?;
            role::may_give(&own(caller), &role::union(&roles))?;
            let user = create(tx, UserId::new(), &person(message), &roles, &hash).await?;
            Ok::<_, Error>(pb::CreateUserResponse { user: Some(user.into()) })
        })
        .await
    }

    async fn disable_user(&self, request: Request<pb::DisableUserRequest>) -> Reply<pb::DisableUserResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, message| {
            let id = UserId::parse("id", &message.id)?;
            // First, and before the user himself, so that two who disable each other wait and do not embrace.
            let admins = store::lock_active_admins(tx).await?;
            let user = store::lock(tx, id).await?;
            expect_etag(caller.if_match.as_deref(), user.version, || Error::UserChanged)?;
            let user = save(tx, user.disable(&admins)?, State::Active).await?;
            session::rpc::end_all(tx, id, caller.now).await?;
            Ok::<_, Error>(pb::DisableUserResponse { user: Some(user.into()) })
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn enable_user(&self, request: Request<pb::EnableUserRequest>) -> Reply<pb::EnableUserResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let user = store::lock(tx, UserId::parse("id", &message.id)?).await?;
            expect_etag(caller.if_match.as_deref(), user.version, || Error::UserChanged)?;
            role::may_give(&own(caller), &user.permissions)?;
            let user = save(tx, user.enable()?, State::Disabled).await?;
            Ok::<_, Error>(pb::EnableUserResponse { user: Some(user.into()) })
        })
        .await
    }
}

/// What the one who asks may do himself.
fn own(caller: &Caller) -> Permissions {
    caller.user.as_ref().map(|user| user.permissions.clone()).unwrap_or_default()
}

/// Who a request speaks of.
pub(crate) fn person(message: &pb::CreateUserRequest) -> Person {
    Person {
        email: message.email.clone(),
        first_name: message.first_name.trim().to_owned(),
        last_name: message.last_name.trim().to_owned(),
    }
}

/// Adds a user, tells it and records it.
pub(crate) async fn create(
    tx: &mut Tx,
    id: UserId,
    person: &Person,
    roles: &[Role],
    password_hash: &str,
) -> Result<User, Error> {
    let user = store::insert(tx, id, person, roles, password_hash).await?;
    tell(tx, &user);
    let fields = json!({
        "email": user.person.email,
        "first_name": user.person.first_name,
        "last_name": user.person.last_name,
        "roles": user.roles,
    });
    tx.audit(Audit::created("user", id, fields));
    Ok(user)
}

async fn save(tx: &mut Tx, user: User, before: State) -> Result<User, Error> {
    let user = store::save_state(tx, &user).await?;
    tell(tx, &user);
    let state = |state: State| json!({ "state": <&str>::from(state) });
    tx.audit(Audit::changed("user", user.id, state(before), state(user.state)));
    Ok(user)
}

fn tell(tx: &mut Tx, user: &User) {
    let event = pb::UserChanged { user: Some(user.clone().into()), version: user.version };
    tx.publish(Subject { id: user.id.uuid(), version: user.version }, &event);
}

impl From<User> for pb::User {
    fn from(user: User) -> Self {
        let User { id, person, roles, permissions, state, version, created_at, updated_at } = user;
        let state = match state {
            State::Active => pb::user::State::Active,
            State::Disabled => pb::user::State::Disabled,
        };
        Self {
            id: id.to_string(),
            email: person.email,
            first_name: person.first_name,
            last_name: person.last_name,
            roles,
            permissions: permissions.words(),
            state: state.into(),
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(updated_at)),
            etag: etag(version),
        }
    }
}
