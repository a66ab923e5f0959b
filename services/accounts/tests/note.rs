use accounts::Accounts;
use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::note_service_client::NoteServiceClient;
use testing::{House, Voice, list_behaves};
use tonic::Code;

use crate::{desk, family, fields, house, person, reason};

pub(crate) fn notes(house: &House<Accounts>, permission: &str) -> NoteServiceClient<Voice> {
    NoteServiceClient::new(house.user(&[permission]))
}

pub(crate) async fn note_member(house: &House<Accounts>, member_id: &str, text: &str, sensitive: bool) -> pb::Note {
    let note = pb::Note { text: Some(text.to_owned()), sensitive, ..Default::default() };
    let request = pb::CreateMemberNoteRequest { member_id: member_id.to_owned(), note: Some(note) };
    notes(house, "accounts.edit").create_member_note(request).await.unwrap().into_inner().note.unwrap()
}

/// How often a text stands anywhere in the tables of the schema, in plain or within bytes, by table.
pub(crate) async fn tables_that_hold(house: &House<Accounts>, text: &str) -> Vec<String> {
    let mut sql = house.sql().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables
          where table_schema = 'accounts' and table_type = 'BASE TABLE' order by 1",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        // Bytes are written as hexadecimal digits.
        let scan = sqlx::AssertSqlSafe(format!(
            "select exists (select from accounts.{table} t
                             where lower(t::text) like '%' || lower($1) || '%'
                                or t::text like '%' || encode($1::bytea, 'hex') || '%')"
        ));
        if sqlx::query_scalar(scan).bind(text).fetch_one(&mut sql).await.unwrap() {
            found.push(table);
        }
    }
    found
}

#[tokio::test]
async fn a_sensitive_note_is_read_only_by_who_asks_for_it_and_that_is_recorded() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let ann = desk.add(person(&account, "Ann", "Miller")).await;

    let plain = note_member(&house, &ann.id, "Plays the oboe", false).await;
    let sealed = note_member(&house, &ann.id, "Allergic to rosin", true).await;

    assert_eq!((plain.text.as_deref(), sealed.text.as_deref(), sealed.sensitive), (Some("Plays the oboe"), None, true));
    let request = pb::GetNoteRequest { id: sealed.id.clone() };
    let got = notes(&house, "accounts.admin").get_note(request).await.unwrap().into_inner().note.unwrap();
    assert_eq!(got, sealed);
    let request = pb::RevealNoteRequest { id: sealed.id.clone() };
    let refused = notes(&house, "accounts.edit").reveal_note(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let before = house.audited().await.len();
    let told = notes(&house, "accounts.admin").reveal_note(request).await.unwrap().into_inner().note.unwrap();
    assert_eq!((told.text.as_deref(), told.sensitive), (Some("Allergic to rosin"), true));
    let recorded = ("accounts.v1.NoteService/RevealNote".to_owned(), "note".to_owned());
    assert_eq!(house.audited().await[before..], [recorded]);
    assert_eq!(tables_that_hold(&house, "rosin").await, Vec::<String>::new());
    assert_eq!(tables_that_hold(&house, "oboe").await, ["note"]);
}

#[tokio::test]
async fn a_note_is_removed_for_good() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let note = pb::Note { text: Some(" ".to_owned()), ..Default::default() };
    let request = pb::CreateAccountNoteRequest { account_id: account.id.clone(), note: Some(note) };
    let mut clerk = notes(&house, "accounts.admin");
    let refused = clerk.create_account_note(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["note.text"]);
    let note = pb::Note { text: Some("Pays late".to_owned()), ..Default::default() };
    let request = pb::CreateAccountNoteRequest { account_id: account.id.clone(), note: Some(note) };
    let note = clerk.create_account_note(request).await.unwrap().into_inner().note.unwrap();
    assert_eq!(note.account_id.as_deref(), Some(account.id.as_str()));

    let request = pb::DeleteNoteRequest { id: note.id.clone() };
    clerk.delete_note(request.clone()).await.unwrap();
    assert_eq!(reason(&clerk.delete_note(request).await.unwrap_err()), "NOTE_NOT_FOUND");
    assert_eq!(tables_that_hold(&house, "pays late").await, Vec::<String>::new());
    assert_eq!(house.told().await[1..], ["accounts.note.written", "accounts.note.deleted"]);
}

#[tokio::test]
async fn words_that_change_places_are_read_at_neither() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let ann = desk.add(person(&account, "Ann", "Miller")).await;
    let first = note_member(&house, &ann.id, "The first", true).await;
    let second = note_member(&house, &ann.id, "The second", true).await;

    sqlx::query("update note set sealed = (select sealed from note other where other.id <> note.id)")
        .execute(&mut house.sql().await)
        .await
        .unwrap();

    for id in [first.id, second.id] {
        let refused = notes(&house, "accounts.admin").reveal_note(pb::RevealNoteRequest { id }).await.unwrap_err();
        assert_eq!(refused.code(), Code::Internal);
        assert!(!refused.message().contains("second"));
    }
}

#[tokio::test]
async fn keys_are_changed_while_notes_are_written_and_read_and_nobody_notices() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let ann = desk.add(person(&account, "Ann", "Miller")).await;
    let mut known = Vec::new();
    for n in 0..30 {
        known.push(note_member(&house, &ann.id, &format!("Secret {n}"), true).await.id);
    }
    let work: Vec<_> = (0..3)
        .map(|worker| {
            let (mut clerk, known, member_id) = (notes(&house, "accounts.admin"), known.clone(), ann.id.clone());
            spawn(async move {
                for n in 0..40 {
                    let id = known[(n * 7 + worker) % known.len()].clone();
                    let told =
                        clerk.reveal_note(pb::RevealNoteRequest { id }).await.unwrap().into_inner().note.unwrap();
                    assert!(told.text.unwrap().starts_with("Secret "));
                    let note = pb::Note { text: Some("New".to_owned()), sensitive: true, ..Default::default() };
                    let request = pb::CreateMemberNoteRequest { member_id: member_id.clone(), note: Some(note) };
                    clerk.create_member_note(request).await.unwrap();
                }
            })
        })
        .collect();
    let before: Vec<String> = keys_in_use(&house).await;
    kit::operate(&house.app, house.service.as_ref(), &["rotate-keys"]).await.unwrap();
    for work in work {
        work.await.unwrap();
    }
    let after = keys_in_use(&house).await;
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after);
    for id in known {
        let told =
            notes(&house, "accounts.admin").reveal_note(pb::RevealNoteRequest { id }).await.unwrap().into_inner();
        assert!(told.note.unwrap().text.unwrap().starts_with("Secret "));
    }
}

async fn keys_in_use(house: &House<Accounts>) -> Vec<String> {
    sqlx::query_scalar("select distinct split_part(sealed, '|', 2) from note")
        .fetch_all(&mut house.sql().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn notes_are_listed_by_the_convention() {
    let house = house().await;
    let mut desk = desk(&house);
    let account = desk.open(family("Miller Family")).await;
    let ann = desk.add(person(&account, "Ann", "Miller")).await;
    for n in 0..5 {
        note_member(&house, &ann.id, &format!("Note {n}"), n % 2 == 0).await;
        let note = pb::Note { text: Some("Text".to_owned()), ..Default::default() };
        let request = pb::CreateAccountNoteRequest { account_id: account.id.clone(), note: Some(note) };
        notes(&house, "accounts.edit").create_account_note(request).await.unwrap();
    }
    let voice = || house.user(&["accounts.view"]);
    list_behaves(voice(), "accounts.v1.NoteService/ListMemberNotes", &[("member_id", &ann.id)]).await;
    list_behaves(voice(), "accounts.v1.NoteService/ListAccountNotes", &[("account_id", &account.id)]).await;
}

#[tokio::test]
async fn a_note_on_a_merged_account_is_refused() {
    let house = house().await;
    let mut desk = desk(&house);
    let (main, twin) = (desk.open(family("Main")).await, desk.open(family("Twin")).await);
    desk.merge(&main.id, &twin.id).await.unwrap();
    let note = pb::Note { text: Some("Plays the oboe".to_owned()), ..Default::default() };
    let request = pb::CreateAccountNoteRequest { account_id: twin.id, note: Some(note) };
    let refused = notes(&house, "accounts.edit").create_account_note(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ACCOUNT_MERGED"));
}
