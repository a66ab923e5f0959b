//! Sessions on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use db::{Audit, List, Page, Subject, Tx};
use kit::{App, Caller, Fault, Reply, read, write};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::Request;

use super::{Kind, Session, SessionId, store};
use crate::Error;
use crate::trust::told::Told;
use crate::user::UserId;

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) told: Arc<Told>,
}

#[async_trait]
impl pb::session_service_server::SessionService for Rpc {
    async fn list_sessions(&self, request: Request<pb::ListSessionsRequest>) -> Reply<pb::ListSessionsResponse> {
        read(&self.app.db, request, async |conn, caller, message| {
            let list = List::parse(&message)?;
            let user = UserId::parse_some("user_id", message.user_id.as_deref())?;
            let asking = caller.user.as_ref().map(|user| SessionId::from_uuid(user.session_id));
            let Page { data, total } = store::list(conn, user, caller.now, &list).await?;
            let listed = |session: Session| Listed { is_current: asking == Some(session.id), session };
            let data = data.into_iter().map(listed).collect();
            Ok::<_, Error>(Page { data, total }.answer(&list))
        })
        .await
    }

    async fn end_session(&self, request: Request<pb::EndSessionRequest>) -> Reply<pb::EndSessionResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, message| {
            end(tx, SessionId::parse("id", &message.id)?, caller.now, "by an administrator").await?;
            Ok::<_, Error>(pb::EndSessionResponse {})
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn list_own_sessions(
        &self,
        request: Request<pb::ListOwnSessionsRequest>,
    ) -> Reply<pb::ListOwnSessionsResponse> {
        read(&self.app.db, request, async |conn, caller, message| {
            let list = List::parse(&message)?;
            let (user, asking) = own(caller)?;
            let Page { data, total } = store::list(conn, Some(user), caller.now, &list).await?;
            let listed = |session: Session| Listed { is_current: asking == session.id, session };
            let data = data.into_iter().map(listed).collect();
            Ok::<_, Error>(Page { data, total }.answer(&list))
        })
        .await
    }

    async fn end_own_session(&self, request: Request<pb::EndOwnSessionRequest>) -> Reply<pb::EndOwnSessionResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, message| {
            let id = SessionId::parse("id", &message.id)?;
            let (user, _) = own(caller)?;
            // Another's session is none, as far as he who asks may know.
            if store::owner(tx, id).await? != Some(user) {
                return Err(Error::SessionNotFound(id));
            }
            end(tx, id, caller.now, "by its user").await?;
            Ok(pb::EndOwnSessionResponse {})
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn end_other_sessions(
        &self,
        request: Request<pb::EndOtherSessionsRequest>,
    ) -> Reply<pb::EndOtherSessionsResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, _message| {
            let (user, asking) = own(caller)?;
            let ended_sessions = end_others(tx, user, asking, caller.now, "by its user, from another one").await?;
            Ok::<_, Error>(pb::EndOtherSessionsResponse { ended_sessions })
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }
}

/// The user who asks, and the session he asks from.
pub(crate) fn own(caller: &Caller) -> Result<(UserId, SessionId), Error> {
    let user = caller.user.as_ref().ok_or_else(|| Fault::new("the door lets nobody through without a user"))?;
    Ok((UserId::from_uuid(user.id), SessionId::from_uuid(user.session_id)))
}

/// Ends every session of a user except one; answers how many ended.
pub(crate) async fn end_others(
    tx: &mut Tx,
    user: UserId,
    kept: SessionId,
    now: DateTime<Utc>,
    why: &str,
) -> Result<i32, Error> {
    let ended = store::end_others(tx, user, kept, now).await?;
    for id in &ended {
        tell_ended(tx, *id, user, why);
    }
    Ok(i32::try_from(ended.len()).unwrap_or(i32::MAX))
}

/// Ends the sessions that a user has at tills.
pub(crate) async fn end_tills(tx: &mut Tx, user: UserId, now: DateTime<Utc>, why: &str) -> Result<(), Error> {
    for id in store::end_tills(tx, user, now).await? {
        tell_ended(tx, id, user, why);
    }
    Ok(())
}

/// Ends a session, tells it and records why; one that had ended stays as it is.
pub(crate) async fn end(tx: &mut Tx, id: SessionId, now: DateTime<Utc>, why: &str) -> Result<(), Error> {
    if let Some(user) = store::end(tx, id, now).await? {
        tell_ended(tx, id, user, why);
    }
    Ok(())
}

/// Ends every session of a user and records why.
pub(crate) async fn end_all(tx: &mut Tx, user: UserId, now: DateTime<Utc>, why: &str) -> Result<(), Error> {
    for id in store::end_all(tx, user, now).await? {
        tell_ended(tx, id, user, why);
    }
    Ok(())
}

fn tell_ended(tx: &mut Tx, id: SessionId, user: UserId, why: &str) {
    let event = pb::SessionEnded { session_id: id.to_string(), user_id: user.to_string() };
    // A session ends once, so its end is its first and last version.
    tx.publish(Subject { id: id.uuid(), version: 1 }, &event);
    tx.audit(Audit::changed("session", id, json!({ "ended": false }), json!({ "ended": true, "why": why })));
}

/// A session, as the one who asks sees it.
struct Listed {
    session: Session,
    /// It is the session that asks.
    is_current: bool,
}

impl From<Listed> for pb::Session {
    fn from(Listed { session, is_current }: Listed) -> Self {
        let Session { id, user_id, kind, device, created_at, life, ended_at } = session;
        Self {
            id: id.to_string(),
            user_id: user_id.to_string(),
            user_agent: device.user_agent,
            ip_address: device.ip_address,
            created_at: Some(proto::timestamp(created_at)),
            last_used_at: Some(proto::timestamp(life.last_used_at)),
            expires_at: Some(proto::timestamp(life.expires_at)),
            ended_at: ended_at.map(proto::timestamp),
            is_current,
            by_pin: kind == Kind::Till,
        }
    }
}
