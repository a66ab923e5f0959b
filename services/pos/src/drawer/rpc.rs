//! Registers and drawer sessions on the wire.

use async_trait::async_trait;
use db::{Audit, List, Subject};
use kit::{App, Reply, etag, expect_etag, read, write};
use proto::pos::v1 as pb;
use proto::pos::v1::drawer_session_service_server::DrawerSessionService;
use proto::pos::v1::register_service_server::RegisterService;
use serde_json::json;
use tonic::Request;
use types::Money;
use types::id::parse_uuid;

use super::store::{self, Opening};
use super::{Register, RegisterId, Session, SessionId};
use crate::error::Error;

/// Implements `RegisterService`.
#[derive(Clone)]
pub(crate) struct RegisterRpc {
    pub(crate) app: App,
}

/// Implements `DrawerSessionService`.
#[derive(Clone)]
pub(crate) struct SessionRpc {
    pub(crate) app: App,
}

#[async_trait]
impl RegisterService for RegisterRpc {
    async fn list_registers(&self, request: Request<pb::ListRegistersRequest>) -> Reply<pb::ListRegistersResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let list = List::parse(&message)?;
            let location = message.location_id.as_deref().map(|id| parse_uuid("location_id", id)).transpose()?;
            Ok::<_, Error>(store::list_registers(db, &list, location).await?.answer(&list))
        })
        .await
    }

    async fn list_all_registers(
        &self,
        request: Request<pb::ListAllRegistersRequest>,
    ) -> Reply<pb::ListAllRegistersResponse> {
        read(&self.app.db, request, async |db, _caller, _message| {
            let data = store::all_registers(db).await?.into_iter().map(Into::into).collect();
            Ok::<_, Error>(pb::ListAllRegistersResponse { data })
        })
        .await
    }

    async fn get_register(&self, request: Request<pb::GetRegisterRequest>) -> Reply<pb::GetRegisterResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let register = store::get_register(db, RegisterId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetRegisterResponse { register: Some(register.into()) })
        })
        .await
    }

    async fn create_register(&self, request: Request<pb::CreateRegisterRequest>) -> Reply<pb::CreateRegisterResponse> {
        write(&self.app.db, request, async |tx, _caller, message| {
            let draft = message.register.clone().unwrap_or_default();
            let location = parse_uuid("register.location_id", &draft.location_id)?;
            shop::location(tx, location).await?.ok_or(Error::LocationUnknown)?;
            let register = store::insert_register(tx, RegisterId::new(), location, draft.name.trim()).await?;
            let after = json!({"name": register.name, "location_id": location});
            tx.audit(Audit::created("register", register.id, after));
            Ok::<_, Error>(pb::CreateRegisterResponse { register: Some(register.into()) })
        })
        .await
    }

    async fn update_register(&self, request: Request<pb::UpdateRegisterRequest>) -> Reply<pb::UpdateRegisterResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let change = message.register.clone().unwrap_or_default();
            let mut register = store::lock_register(tx, RegisterId::parse("register.id", &change.id)?).await?;
            expect_etag(caller.if_match.as_deref(), register.version, || Error::RegisterChanged)?;
            if message.update_mask.as_ref().is_none_or(|mask| mask.paths.iter().any(|path| path == "name")) {
                let before = json!({"name": register.name});
                register.name = change.name.trim().to_owned();
                register = store::save_register(tx, &register).await?;
                tx.audit(Audit::changed("register", register.id, before, json!({"name": register.name})));
            }
            Ok::<_, Error>(pb::UpdateRegisterResponse { register: Some(register.into()) })
        })
        .await
    }
}

#[async_trait]
impl DrawerSessionService for SessionRpc {
    async fn list_drawer_sessions(
        &self,
        request: Request<pb::ListDrawerSessionsRequest>,
    ) -> Reply<pb::ListDrawerSessionsResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let list = List::parse(&message)?;
            let register = RegisterId::parse_some("register_id", message.register_id.as_deref())?;
            let state = match message.state.map(pb::drawer_session::State::try_from) {
                Some(Ok(pb::drawer_session::State::Open)) => Some("open"),
                Some(Ok(pb::drawer_session::State::Closed)) => Some("closed"),
                _ => None,
            };
            Ok::<_, Error>(store::list_sessions(db, &list, register, state).await?.answer(&list))
        })
        .await
    }

    async fn get_drawer_session(
        &self,
        request: Request<pb::GetDrawerSessionRequest>,
    ) -> Reply<pb::GetDrawerSessionResponse> {
        read(&self.app.db, request, async |db, _caller, message| {
            let session = store::get_session(db, SessionId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetDrawerSessionResponse { session: Some(session.into()) })
        })
        .await
    }

    async fn create_drawer_session(
        &self,
        request: Request<pb::CreateDrawerSessionRequest>,
    ) -> Reply<pb::CreateDrawerSessionResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let float = Money::parse_positive_or_zero("opening_float", message.opening_float.map(Into::into))?;
            let register = store::get_register(tx, RegisterId::parse("register_id", &message.register_id)?).await;
            let register = register.map_err(|error| error.of_field("register_id"))?;
            let location = shop::location(tx, register.location_id).await?.ok_or(Error::LocationUnknown)?;
            let opening = Opening {
                id: SessionId::new(),
                register: &register,
                float,
                by: caller.user_id().unwrap_or_default(),
                by_name: caller.user_name(),
                business_on: shop::local_date(caller.now, location.time_zone),
                at: caller.now,
            };
            let session = store::open_session(tx, &opening).await?;
            tx.publish(Subject { id: session.id.uuid(), version: session.version }, &opened(&session));
            let after = json!({"register_id": register.id.to_string(), "opening_float": float.minor_units()});
            tx.audit(Audit::created("drawer_session", session.id, after));
            Ok::<_, Error>(pb::CreateDrawerSessionResponse { session: Some(session.into()) })
        })
        .await
    }

    async fn close_drawer_session(
        &self,
        request: Request<pb::CloseDrawerSessionRequest>,
    ) -> Reply<pb::CloseDrawerSessionResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let counted = Money::parse_positive_or_zero("counted_cash", message.counted_cash.map(Into::into))?;
            let session = store::lock_session(tx, SessionId::parse("id", &message.id)?).await?;
            expect_etag(caller.if_match.as_deref(), session.version, || Error::SessionChanged)?;
            let by = caller.user_id().unwrap_or_default();
            let session = session.close(counted, message.note.clone(), by, caller.now)?;
            let closing = session.closing.clone().ok_or(Error::SessionClosed)?;
            let session = store::save_closed(tx, &session, &closing).await?;
            let location = shop::location(tx, session.location_id).await?.ok_or(Error::LocationUnknown)?;
            let on = shop::local_date(caller.now, location.time_zone);
            tx.publish(Subject { id: session.id.uuid(), version: session.version }, &closed(&session, on));
            tx.audit(Audit::changed(
                "drawer_session",
                session.id,
                json!({"expected_cash": session.expected_cash.minor_units()}),
                json!({"counted_cash": counted.minor_units(), "over_short": session.over_short().map(Money::minor_units)}),
            ));
            Ok::<_, Error>(pb::CloseDrawerSessionResponse { session: Some(session.into()) })
        })
        .await
    }
}

pub(crate) fn opened(session: &Session) -> pb::DrawerOpened {
    pb::DrawerOpened {
        drawer_session_id: session.id.to_string(),
        location_id: session.location_id.to_string(),
        opening_float: Some(session.opening_float.into()),
        business_on: session.business_on.to_string(),
        occurred_at: Some(proto::timestamp(session.opened_at)),
    }
}

pub(crate) fn closed(session: &Session, business_on: types::Date) -> pb::DrawerClosed {
    pb::DrawerClosed {
        drawer_session_id: session.id.to_string(),
        location_id: session.location_id.to_string(),
        expected_cash: Some(session.expected_cash.into()),
        counted_cash: session.closing.as_ref().map(|closing| closing.counted.into()),
        over_short: session.over_short().map(Into::into),
        business_on: business_on.to_string(),
        occurred_at: session.closing.as_ref().map(|closing| proto::timestamp(closing.at)),
    }
}

impl From<Register> for pb::Register {
    fn from(register: Register) -> Self {
        let Register { id, location_id, name, open_session_id, version, created_at, updated_at } = register;
        Self {
            id: id.to_string(),
            location_id: location_id.to_string(),
            name,
            open_session_id: open_session_id.map(|id| id.to_string()),
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(updated_at)),
            etag: etag(version),
        }
    }
}

impl From<Session> for pb::DrawerSession {
    fn from(session: Session) -> Self {
        let state =
            if session.closing.is_some() { pb::drawer_session::State::Closed } else { pb::drawer_session::State::Open };
        Self {
            id: session.id.to_string(),
            register_id: session.register_id.to_string(),
            location_id: session.location_id.to_string(),
            state: state.into(),
            opening_float: Some(session.opening_float.into()),
            expected_cash: Some(session.expected_cash.into()),
            counted_cash: session.closing.as_ref().map(|closing| closing.counted.into()),
            over_short: session.over_short().map(Into::into),
            sale_count: session.sale_count,
            opened_by: session.opened_by.to_string(),
            closed_by: session.closing.as_ref().map(|closing| closing.by.to_string()),
            note: session.note,
            opened_at: Some(proto::timestamp(session.opened_at)),
            closed_at: session.closing.as_ref().map(|closing| proto::timestamp(closing.at)),
            etag: etag(session.version),
        }
    }
}
