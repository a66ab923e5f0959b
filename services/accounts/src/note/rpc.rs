//! Notes on the wire.

use async_trait::async_trait;
use cipher::{Keys, Place};
use db::{Db, List, Subject};
use kit::{Caller, Reply, Tx, read, write, write_with};
use proto::accounts::v1 as pb;
use proto::accounts::v1::note_service_server::NoteService;
use serde_json::json;
use tonic::Request;
use types::Violation;

use super::{About, Note, NoteId, Words, said, store};
use crate::Error;
use crate::account::{self, AccountId};
use crate::audit::Audit;
use crate::change::text;
use crate::member::{self, MemberId};
use crate::personal_data;

pub(crate) struct Rpc {
    pub(crate) db: Db,
    pub(crate) keys: Keys,
}

#[async_trait]
impl NoteService for Rpc {
    async fn list_account_notes(
        &self,
        request: Request<pb::ListAccountNotesRequest>,
    ) -> Reply<pb::ListAccountNotesResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let account = account::store::get(conn, AccountId::parse("account_id", &message.account_id)?).await?;
            Ok::<_, Error>(store::list(conn, About::Account(account.id), &list).await?.answer(&list))
        })
        .await
    }

    async fn list_member_notes(
        &self,
        request: Request<pb::ListMemberNotesRequest>,
    ) -> Reply<pb::ListMemberNotesResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            let member = member::store::get(conn, MemberId::parse("member_id", &message.member_id)?).await?;
            Ok::<_, Error>(store::list(conn, About::Member(member.id), &list).await?.answer(&list))
        })
        .await
    }

    async fn get_note(&self, request: Request<pb::GetNoteRequest>) -> Reply<pb::GetNoteResponse> {
        read(&self.db, request, async |conn, _caller, message| {
            let note = store::get(conn, NoteId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetNoteResponse { note: Some(note.into()) })
        })
        .await
    }

    async fn create_account_note(
        &self,
        request: Request<pb::CreateAccountNoteRequest>,
    ) -> Reply<pb::CreateAccountNoteResponse> {
        write_with(&self.db, request, &self.keys, async |tx, caller, message, keys| {
            let id = AccountId::parse("account_id", &message.account_id)?;
            let account = account::store::lock(tx, id).await?.stands()?;
            let note = put(tx, caller, keys, About::Account(account.id), message.note.as_ref()).await?;
            Ok::<_, Error>(pb::CreateAccountNoteResponse { note: Some(note.into()) })
        })
        .await
    }

    async fn create_member_note(
        &self,
        request: Request<pb::CreateMemberNoteRequest>,
    ) -> Reply<pb::CreateMemberNoteResponse> {
        write_with(&self.db, request, &self.keys, async |tx, caller, message, keys| {
            let id = MemberId::parse("member_id", &message.member_id)?;
            let member = personal_data::store::lock_known(tx, id).await?;
            let note = put(tx, caller, keys, About::Member(member.id), message.note.as_ref()).await?;
            Ok::<_, Error>(pb::CreateMemberNoteResponse { note: Some(note.into()) })
        })
        .await
    }

    async fn reveal_note(&self, request: Request<pb::RevealNoteRequest>) -> Reply<pb::RevealNoteResponse> {
        write_with(&self.db, request, &self.keys, async |tx, _caller, message, keys| {
            let mut note = store::get(tx, NoteId::parse("id", &message.id)?).await?;
            let sealed = match &note.words {
                Words::Sealed(sealed) => Some(sealed.clone()),
                Words::Plain(_) => None,
            };
            if let Some(sealed) = &sealed {
                note.words = Words::Plain(keys.open_text(&place(note.id), sealed).await?);
                tx.audit(Audit::created("note", note.id, json!({ "revealed": true })));
            }
            let note = message_of(note, sealed.is_some());
            Ok::<_, Error>(pb::RevealNoteResponse { note: Some(note) })
        })
        .await
    }

    async fn delete_note(&self, request: Request<pb::DeleteNoteRequest>) -> Reply<pb::DeleteNoteResponse> {
        write(&self.db, request, async |tx, _caller, message| {
            let note = store::delete(tx, NoteId::parse("id", &message.id)?).await?;
            tx.audit(Audit::removed("note", note.id, told(&note)));
            let subject = Subject { id: note.id.uuid(), version: 2 };
            tx.publish(subject, &pb::NoteDeleted { note_id: note.id.to_string() });
            Ok::<_, Error>(pb::DeleteNoteResponse {})
        })
        .await
    }
}

/// Where the words of a note stand.
pub(crate) fn place(id: NoteId) -> Place {
    Place::new("note", "sealed", id.uuid())
}

async fn put(
    tx: &mut Tx,
    caller: &Caller,
    keys: &Keys,
    about: About,
    message: Option<&pb::Note>,
) -> Result<Note, Error> {
    let message = message.ok_or_else(|| Violation::new("note", "is required"))?;
    let (id, said) = (NoteId::new(), said(text(message.text.as_deref()))?);
    let words =
        if message.sensitive { Words::Sealed(keys.seal(&place(id), said.as_bytes())?) } else { Words::Plain(said) };
    let (author_id, author_name) = (caller.user_id(), caller.user_name().to_owned());
    let note = store::insert(tx, &Note { id, about, words, author_id, author_name, created_at: caller.now }).await?;
    tx.audit(Audit::created("note", id, told(&note)));
    let event = pb::Note::from(note.clone());
    let event = pb::NoteWritten { note_id: event.id, account_id: event.account_id, member_id: event.member_id };
    tx.publish(Subject { id: id.uuid(), version: 1 }, &event);
    Ok(note)
}

/// What the audit says of a note: whom it is about, never what it says.
fn told(note: &Note) -> serde_json::Value {
    let sensitive = matches!(note.words, Words::Sealed(_));
    match note.about {
        About::Account(id) => json!({ "account_id": id.to_string(), "sensitive": sensitive }),
        About::Member(id) => json!({ "member_id": id.to_string(), "sensitive": sensitive }),
    }
}

impl From<Note> for pb::Note {
    fn from(note: Note) -> Self {
        let sensitive = matches!(note.words, Words::Sealed(_));
        message_of(note, sensitive)
    }
}

fn message_of(note: Note, sensitive: bool) -> pb::Note {
    let (account_id, member_id) = match note.about {
        About::Account(id) => (Some(id.to_string()), None),
        About::Member(id) => (None, Some(id.to_string())),
    };
    let text = match note.words {
        Words::Plain(text) => Some(text),
        Words::Sealed(_) => None,
    };
    pb::Note {
        id: note.id.to_string(),
        account_id,
        member_id,
        sensitive,
        text,
        author_id: note.author_id.map(|id| id.to_string()),
        author_name: note.author_name,
        created_at: Some(proto::timestamp(note.created_at)),
    }
}
