//! Exports on the wire.

use std::pin::Pin;

use async_trait::async_trait;
use db::Db;
use futures_util::{Stream, stream};
use kit::{Clock, Reply, refuse, write};
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_export_service_server::AccountExportService;
use proto::google::api::HttpBody;
use serde_json::json;
use tonic::{Request, Response, Status};

use super::store;
use crate::Error;
use crate::account::{AccountId, State};
use crate::audit::Audit;

/// Accounts that are read at once.
const BATCH: i64 = 500;

pub(crate) struct Rpc {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
}

/// How far a file is written.
enum Place {
    Header,
    /// After the account with this number.
    After(i64),
    End,
}

#[async_trait]
impl AccountExportService for Rpc {
    type ExportAccountsStream = Pin<Box<dyn Stream<Item = Result<pb::ExportAccountsResponse, Status>> + Send>>;

    async fn export_accounts(&self, request: Request<pb::ExportAccountsRequest>) -> Reply<Self::ExportAccountsStream> {
        let state = match request.get_ref().state.map(pb::account::State::try_from) {
            Some(Ok(pb::account::State::Archived)) => State::Archived,
            Some(Ok(pb::account::State::Merged)) => State::Merged,
            Some(Ok(pb::account::State::Active | pb::account::State::Unspecified) | Err(_)) | None => State::Active,
        };
        write(&self.db, request, async |tx, _caller, message| {
            tx.audit(Audit::created(
                "account_export",
                tx.context().request_id.clone(),
                json!({ "state": message.state }),
            ));
            Ok::<_, Error>(pb::ExportAccountsResponse::default())
        })
        .await?;
        // Each batch is as of its own moment: who reads slowly holds no connection, and no snapshot.
        let (db, clock) = (self.db.clone(), self.clock.clone());
        let pieces = stream::try_unfold(Place::Header, move |place| {
            let (db, clock) = (db.clone(), clock.clone());
            async move { next(&db, &clock, state, place).await.map_err(|error| refuse("accounts", &error)) }
        });
        Ok(Response::new(Box::pin(pieces)))
    }
}

/// The next piece, and where it ends.
async fn next(
    db: &Db,
    clock: &Clock,
    state: State,
    place: Place,
) -> Result<Option<(pb::ExportAccountsResponse, Place)>, Error> {
    let after = match place {
        Place::Header => return Ok(Some((piece(super::header()), Place::After(0)))),
        Place::End => return Ok(None),
        Place::After(number) => number,
    };
    let mut conn = db.read().await?;
    let ages = crate::member::store::ages(&mut conn, clock.now()).await?;
    let accounts = store::accounts(&mut conn, state, after, BATCH).await?;
    let Some(last) = accounts.last().map(|account| account.number) else { return Ok(None) };
    let ids: Vec<AccountId> = accounts.iter().map(|account| account.id).collect();
    let members = store::members(&mut conn, &ids).await?;
    let full = i64::try_from(accounts.len()).is_ok_and(|length| length == BATCH);
    let lines = super::lines(accounts, members, |member| member.seen(ages).into());
    Ok(Some((piece(lines), if full { Place::After(last) } else { Place::End })))
}

fn piece(text: String) -> pb::ExportAccountsResponse {
    let page = HttpBody {
        content_type: "text/csv; charset=utf-8".to_owned(),
        data: text.into_bytes().into(),
        extensions: Vec::new(),
    };
    pb::ExportAccountsResponse { page: Some(page), filename: "accounts.csv".to_owned() }
}
