//! Portal users on the wire, and how they follow what accounts told.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use db::{Audit, List, Page, Subject, Tx};
use kit::{App, Caller, Reply, expect_etag, read, write};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::Request;

use super::store::Filter;
use super::{AccountId, Guardian, Member, MemberId, Standing, store};
use crate::trust::told::Told;
use crate::user::rpc::{asked_state, end_access, save, tell as tell_user};
use crate::user::{State, User, UserId, store as users};
use crate::{Error, invitation, session};

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) told: Arc<Told>,
    /// Where the pages are that letters link to.
    pub(crate) web_url: Arc<str>,
}

#[async_trait]
impl pb::portal_user_service_server::PortalUserService for Rpc {
    async fn list_portal_users(
        &self,
        request: Request<pb::ListPortalUsersRequest>,
    ) -> Reply<pb::ListPortalUsersResponse> {
        read(&self.app.db, request, async |conn, caller, message| {
            let list = List::parse(&message)?;
            let filter = Filter {
                state: asked_state(message.state()),
                member: MemberId::parse_some("member_id", message.member_id.as_deref())?,
                account: AccountId::parse_some("account_id", message.account_id.as_deref())?,
            };
            let Page { data, total } = store::list(conn, &filter, &list).await?;
            let data = data.into_iter().map(|user| Shown { user, now: caller.now }).collect();
            Ok::<_, Error>(Page { data, total }.answer(&list))
        })
        .await
    }

    async fn get_portal_user(&self, request: Request<pb::GetPortalUserRequest>) -> Reply<pb::GetPortalUserResponse> {
        read(&self.app.db, request, async |conn, caller, message| {
            let user = users::get(conn, UserId::parse("id", &message.id)?).await?.customer()?;
            Ok::<_, Error>(pb::GetPortalUserResponse { portal_user: Some(Shown { user, now: caller.now }.into()) })
        })
        .await
    }

    async fn create_portal_user(
        &self,
        request: Request<pb::CreatePortalUserRequest>,
    ) -> Reply<pb::CreatePortalUserResponse> {
        let web_url = Arc::clone(&self.web_url);
        write(&self.app.db, request, async move |tx, caller, message| {
            let member = store::hold_member(tx, MemberId::parse("member_id", &message.member_id)?).await?.active()?;
            if !store::is_open(tx, member.account_id).await? {
                return Err(Error::MemberArchived(member.id));
            }
            let person = member.person(message.email.as_deref())?;
            let user = store::insert(tx, member.id, &person).await?;
            tell_user(tx, &user);
            let fields = json!({ "email": person.email, "member_id": member.id.to_string() });
            tx.audit(Audit::created("portal_user", user.id, fields));
            invitation::rpc::send(tx, &web_url, &user).await?;
            Ok::<_, Error>(pb::CreatePortalUserResponse { portal_user: Some(Shown { user, now: caller.now }.into()) })
        })
        .await
    }

    async fn invite_portal_user(
        &self,
        request: Request<pb::InvitePortalUserRequest>,
    ) -> Reply<pb::InvitePortalUserResponse> {
        let web_url = Arc::clone(&self.web_url);
        write(&self.app.db, request, async move |tx, caller, message| {
            let user = lock(tx, caller, &message.id).await?.invited()?;
            invitation::rpc::send(tx, &web_url, &user).await?;
            Ok::<_, Error>(pb::InvitePortalUserResponse { portal_user: Some(Shown { user, now: caller.now }.into()) })
        })
        .await
    }

    async fn disable_portal_user(
        &self,
        request: Request<pb::DisablePortalUserRequest>,
    ) -> Reply<pb::DisablePortalUserResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, message| {
            let user = lock(tx, caller, &message.id).await?;
            let user = save(tx, &user, user.clone().disable(&[])?).await?;
            end_access(tx, user.id, "the user was disabled").await?;
            Ok::<_, Error>(pb::DisablePortalUserResponse { portal_user: Some(Shown { user, now: caller.now }.into()) })
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn enable_portal_user(
        &self,
        request: Request<pb::EnablePortalUserRequest>,
    ) -> Reply<pb::EnablePortalUserResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let user = lock(tx, caller, &message.id).await?;
            if let Some(membership) = &user.membership {
                let member = store::hold_member(tx, membership.member_id).await?.active()?;
                if !store::is_open(tx, member.account_id).await? {
                    return Err(Error::MemberArchived(member.id));
                }
            }
            let user = save(tx, &user, user.clone().enable()?).await?;
            store::leave_with(tx, user.id, None).await?;
            Ok(pb::EnablePortalUserResponse { portal_user: Some(Shown { user, now: caller.now }.into()) })
        })
        .await
    }

    async fn archive_portal_user(
        &self,
        request: Request<pb::ArchivePortalUserRequest>,
    ) -> Reply<pb::ArchivePortalUserResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, message| {
            let user = lock(tx, caller, &message.id).await?;
            let user = save(tx, &user, user.clone().archive(&[])?).await?;
            end_access(tx, user.id, "the user was archived").await?;
            Ok::<_, Error>(pb::ArchivePortalUserResponse { portal_user: Some(Shown { user, now: caller.now }.into()) })
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }
}

/// Locks the customer whom the caller believes to know.
async fn lock(tx: &mut Tx, caller: &Caller, id: &str) -> Result<User, Error> {
    let user = users::lock(tx, UserId::parse("id", id)?).await?.customer()?;
    expect_etag(caller.if_match.as_deref(), user.version, || Error::UserChanged)?;
    Ok(user)
}

/// A member is as told: his portal user follows him, and so does what others may do for him.
pub(crate) async fn follow_member(tx: &mut Tx, member: &Member, version: i64) -> Result<(), Error> {
    let is_open = store::hold_account(tx, member.account_id).await?;
    let around = store::lock_around(tx, member.id).await?;
    if !store::keep_member(tx, member, version).await? {
        return Ok(());
    }
    for before in around {
        let now = users::get(tx, before.id).await?;
        let own = before.membership.as_ref().is_some_and(|membership| membership.member_id == member.id);
        if !own {
            follow(tx, &before, &now, now.clone(), "").await?;
            continue;
        }
        let left_with = store::left_with(tx, now.id).await?;
        let (followed, left_with) = member.followed_by(now.clone(), Standing { is_open, left_with });
        let why = if member.is_active { "the account was archived" } else { "the member was archived" };
        follow(tx, &before, &now, followed, why).await?;
        store::leave_with(tx, now.id, left_with).await?;
    }
    Ok(())
}

/// An account is as told: with it goes the right of its members to sign in.
pub(crate) async fn follow_account(tx: &mut Tx, id: AccountId, is_active: bool, version: i64) -> Result<(), Error> {
    if !store::keep_account(tx, id, is_active, version).await? || is_active {
        return Ok(());
    }
    for user in store::lock_on(tx, id).await? {
        if matches!(user.state, State::Invited | State::Active) {
            let followed = user.clone().disable(&[])?;
            follow(tx, &user, &user, followed, "the account was archived").await?;
            store::leave_with(tx, user.id, Some(id)).await?;
        }
    }
    Ok(())
}

/// Somebody answers for another as told.
pub(crate) async fn follow_guardian(tx: &mut Tx, guardian: &Guardian, version: i64) -> Result<(), Error> {
    let around = store::lock_around(tx, guardian.adult_id).await?;
    if !store::keep_guardian(tx, guardian, version).await? {
        return Ok(());
    }
    for before in around {
        let now = users::get(tx, before.id).await?;
        follow(tx, &before, &now, now.clone(), "").await?;
    }
    Ok(())
}

/// Saves what became of a portal user: who may not come in is out at once, and tokens that say what held before are
/// revoked.
async fn follow(tx: &mut Tx, before: &User, now: &User, followed: User, why: &str) -> Result<(), Error> {
    let (is_out, id) = (followed.state != now.state && followed.state == State::Disabled, now.id);
    let saved = save(tx, now, followed).await?;
    if is_out {
        return end_access(tx, id, why).await;
    }
    if before.membership != now.membership {
        if saved.version == now.version {
            users::touch(tx, &[id]).await?.iter().for_each(|user| tell_user(tx, user));
        }
        session::store::revoke_all_tokens(tx, &[id]).await?;
    }
    Ok(())
}

/// Tells how a portal user now is.
pub(crate) fn tell(tx: &mut Tx, user: &User) {
    let (version, now) = (user.version, tx.context().now);
    let portal_user = Some(Shown { user: user.clone(), now }.into());
    tx.publish(Subject { id: user.id.uuid(), version }, &pb::PortalUserChanged { portal_user, version });
}

/// A portal user as he is at an instant.
struct Shown {
    user: User,
    now: DateTime<Utc>,
}

impl From<Shown> for pb::PortalUser {
    fn from(Shown { user, now }: Shown) -> Self {
        let pb::User { id, email, first_name, last_name, state, created_at, updated_at, etag, .. } =
            user.clone().at(now).into();
        let (member_id, account_id, acts_for) = match user.membership {
            Some(customer) => {
                let acts_for = customer.acts_for.iter().map(ToString::to_string).collect();
                (customer.member_id.to_string(), customer.account_id.to_string(), acts_for)
            }
            None => Default::default(),
        };
        Self { id, member_id, account_id, email, first_name, last_name, state, acts_for, created_at, updated_at, etag }
    }
}
