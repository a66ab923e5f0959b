//! Sessions on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use db::{Audit, List, Page, Subject, Tx};
use kit::{App, Reply, read, write};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::Request;

use super::{Session, SessionId, store};
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
        let Session { id, user_id, device, created_at, life, ended_at } = session;
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
        }
    }
}
