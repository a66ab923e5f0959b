//! Imports on the wire.

use async_trait::async_trait;
use db::{Db, List, Subject};
use kit::{Caller, Received, Reply, Tx, expect_etag, read, replay, write, write_with};
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_import_service_server::AccountImportService;
use serde_json::json;
use tonic::{Request, Streaming};
use types::Violation;

use super::content::Content;
use super::{AccountImport, AccountImportId, Blame, Checked, State, store};
use crate::Error;
use crate::audit::Audit;

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl AccountImportService for Rpc {
    async fn list_account_imports(
        &self,
        request: Request<pb::ListAccountImportsRequest>,
    ) -> Reply<pb::ListAccountImportsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            Ok::<_, Error>(store::list(conn, &list).await?.answer(&list))
        })
        .await
    }

    async fn get_account_import(
        &self,
        request: Request<pb::GetAccountImportRequest>,
    ) -> Reply<pb::GetAccountImportResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let import = store::get(conn, AccountImportId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetAccountImportResponse { account_import: Some(import.into()) })
        })
        .await
    }

    async fn list_account_import_errors(
        &self,
        request: Request<pb::ListAccountImportErrorsRequest>,
    ) -> Reply<pb::ListAccountImportErrorsResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let id = AccountImportId::parse("account_import_id", &message.account_import_id)?;
            store::get(conn, id).await?;
            Ok::<_, Error>(store::errors(conn, id, &list).await?.answer(&list))
        })
        .await
    }

    async fn create_account_import(
        &self,
        request: Request<pb::CreateAccountImportRequest>,
    ) -> Reply<pb::CreateAccountImportResponse> {
        write(&self.db, request, async |tx, _caller, message| {
            let wanted = message.account_import.as_ref();
            let wanted = wanted.ok_or_else(|| Violation::new("account_import", "is required"))?;
            let file_name = wanted.file_name.trim();
            let import = store::insert(tx, AccountImportId::new(), file_name, wanted.dry_run).await?;
            let after = json!({ "file_name": import.file_name, "dry_run": import.dry_run });
            tx.audit(Audit::created("account_import", import.id, after));
            tell(tx, &import);
            Ok::<_, Error>(pb::CreateAccountImportResponse { account_import: Some(import.into()) })
        })
        .await
    }

    async fn upload_account_import_content(
        &self,
        request: Request<Streaming<pb::UploadAccountImportContentRequest>>,
    ) -> Reply<pb::UploadAccountImportContentResponse> {
        let Received { request, parts, .. } = kit::receive(request).await?;
        if let Some(before) = replay(&self.db, &request).await? {
            return Ok(before);
        }
        let content = Content::of(parts).await?;
        write_with(&self.db, request, &content, async |tx, caller, message, content| {
            let before = lock(tx, caller, &message.id).await?;
            let from = before.state;
            let mut import = before.empty()?;
            store::forget_parts(tx, import.id).await?;
            let mut pieces = content.pieces().await?;
            while let Some(piece) = pieces.next().await? {
                let place = import.bytes;
                import = import.take(place, piece.len(), false)?.0;
                store::add_part(tx, import.id, place, piece).await?;
            }
            let end = import.bytes;
            let import = moved(tx, &import.take(end, 0, true)?.0, from).await?;
            Ok::<_, Error>(pb::UploadAccountImportContentResponse { account_import: Some(import.into()) })
        })
        .await
    }

    async fn upload_account_import_part(
        &self,
        request: Request<pb::UploadAccountImportPartRequest>,
    ) -> Reply<pb::UploadAccountImportPartResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let before = lock(tx, caller, &message.id).await?;
            let (after, new) = before.clone().take(message.offset, message.data.len(), message.last)?;
            if new {
                store::add_part(tx, after.id, message.offset, &message.data).await?;
            }
            let import = match (after == before, after.state == before.state) {
                (true, _) => before,
                (false, true) => store::save(tx, &after).await?,
                (false, false) => moved(tx, &after, before.state).await?,
            };
            Ok::<_, Error>(pb::UploadAccountImportPartResponse { account_import: Some(import.into()) })
        })
        .await
    }

    async fn publish_account_import(
        &self,
        request: Request<pb::PublishAccountImportRequest>,
    ) -> Reply<pb::PublishAccountImportResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let publishing = lock(tx, caller, &message.id).await?.publish()?;
            let import = moved(tx, &publishing, State::Checked).await?;
            Ok::<_, Error>(pb::PublishAccountImportResponse { account_import: Some(import.into()) })
        })
        .await
    }

    async fn discard_account_import(
        &self,
        request: Request<pb::DiscardAccountImportRequest>,
    ) -> Reply<pb::DiscardAccountImportResponse> {
        write(&self.db, request, async |tx, caller, message| {
            let before = lock(tx, caller, &message.id).await?;
            let from = before.state;
            let import = moved(tx, &before.discard()?, from).await?;
            Ok::<_, Error>(pb::DiscardAccountImportResponse { account_import: Some(import.into()) })
        })
        .await
    }
}

async fn lock(tx: &mut Tx, caller: &Caller, id: &str) -> Result<AccountImport, Error> {
    let import = store::lock(tx, AccountImportId::parse("id", id)?).await?;
    expect_etag(caller.if_match.as_deref(), import.version, || Error::AccountImportChanged)?;
    Ok(import)
}

/// Gives up an import that waits for nobody.
pub(crate) async fn discard(tx: &mut Tx, id: AccountImportId) -> Result<(), Error> {
    let before = store::lock(tx, id).await?;
    let from = before.state;
    moved(tx, &before.discard()?, from).await?;
    Ok(())
}

/// Stores, records and tells a new state.
pub(super) async fn moved(tx: &mut Tx, import: &AccountImport, from: State) -> Result<AccountImport, Error> {
    let import = store::save(tx, import).await?;
    let Checked { rows, accounts, members, errors, .. } = import.checked;
    let after = json!({
        "state": <&str>::from(import.state), "rows": rows, "accounts": accounts, "members": members, "errors": errors,
    });
    tx.audit(Audit::changed("account_import", import.id, json!({ "state": <&str>::from(from) }), after));
    tell(tx, &import);
    Ok(import)
}

fn tell(tx: &mut Tx, import: &AccountImport) {
    let subject = Subject { id: import.id.uuid(), version: import.version };
    let version = import.version;
    tx.publish(subject, &pb::AccountImportChanged { account_import: Some(import.clone().into()), version });
}

impl From<AccountImport> for pb::AccountImport {
    fn from(import: AccountImport) -> Self {
        let AccountImport { id, file_name, dry_run, state, bytes, checked, .. } = import;
        Self {
            id: id.to_string(),
            file_name,
            dry_run,
            state: pb::account_import::State::from(state).into(),
            bytes,
            checked_bytes: checked.bytes,
            rows: checked.rows,
            accounts: checked.accounts,
            members: checked.members,
            errors: checked.errors,
            failure: import.failure,
            created_at: Some(proto::timestamp(import.created_at)),
            updated_at: Some(proto::timestamp(import.updated_at)),
            etag: kit::etag(import.version),
        }
    }
}

impl From<State> for pb::account_import::State {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Uploaded => Self::Uploaded,
            State::Checking => Self::Checking,
            State::Checked => Self::Checked,
            State::Rejected => Self::Rejected,
            State::Publishing => Self::Publishing,
            State::Published => Self::Published,
            State::Failed => Self::Failed,
            State::Discarded => Self::Discarded,
        }
    }
}

impl From<Blame> for pb::AccountImportError {
    fn from(Blame { id, line, field, message }: Blame) -> Self {
        Self { id: id.to_string(), line, field, message }
    }
}
