use futures_util::{StreamExt, stream};
use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_import::State;
use proto::google::api::HttpBody;

use crate::account_import::{HEADER, Imports, count, errors, families, import, imports, upload, work};
use crate::{house, reason};

async fn opened(imports: &mut Imports, dry_run: bool) -> String {
    let wanted = pb::AccountImport { file_name: "a.csv".to_owned(), dry_run, ..Default::default() };
    let request = pb::CreateAccountImportRequest { account_import: Some(wanted) };
    imports.create_account_import(request).await.unwrap().into_inner().account_import.unwrap().id
}

/// Sends a content as the gateway does: the id first, then part by part.
async fn send(imports: &mut Imports, id: &str, content: &str) -> Result<pb::AccountImport, tonic::Status> {
    let part = |id: &str, data: &[u8]| pb::UploadAccountImportContentRequest {
        id: id.to_owned(),
        content: Some(HttpBody { data: data.to_vec().into(), ..HttpBody::default() }),
    };
    let mut parts = vec![part(id, b"")];
    parts.extend(content.as_bytes().chunks(60_000).map(|data| part("", data)));
    let answer = imports.upload_account_import_content(stream::iter(parts)).await?;
    Ok(answer.into_inner().account_import.unwrap())
}

#[tokio::test]
async fn the_whole_content_comes_as_a_stream_instead_of_what_came_before() {
    let house = house().await;
    let mut imports = imports(&house);
    let id = opened(&mut imports, false).await;
    let request = pb::UploadAccountImportPartRequest { id: id.clone(), offset: 0, data: vec![b'x'; 99], last: false };
    imports.upload_account_import_part(request).await.unwrap();

    let content = families(12_000);
    assert!(content.len() > 1 << 20, "more than a piece");
    let uploaded = send(&mut imports, &id, &content).await.unwrap();
    assert_eq!((uploaded.state(), uploaded.bytes), (State::Uploaded, content.len() as i64));
    let refused = send(&mut imports, &id, "kind,name").await.unwrap_err();
    assert_eq!(reason(&refused), "IMPORT_IN_OTHER_STATE");
    let stored: Vec<u8> = sqlx::query_scalar("select string_agg(data, '' order by place) from account_import_part")
        .fetch_one(&mut house.sql().await)
        .await
        .unwrap();
    assert_eq!(stored, content.into_bytes());
}

#[tokio::test]
async fn of_uploads_at_the_same_time_one_is_taken_whole() {
    let house = house().await;
    let mut imports = imports(&house);
    let id = opened(&mut imports, true).await;
    let sent: Vec<_> = (1..=8)
        .map(|size| {
            let (mut imports, id) = (self::imports(&house), id.clone());
            spawn(async move { send(&mut imports, &id, &families(size * 100)).await })
        })
        .collect();
    let mut taken = Vec::new();
    for sent in sent {
        taken.extend(sent.await.unwrap().ok());
    }
    assert_eq!(taken.len(), 1);
    work(&house).await.unwrap();
    let checked = import(&mut imports, &id).await;
    assert_eq!((checked.state(), checked.checked_bytes), (State::Checked, taken[0].bytes));
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_what_was_there() {
    let house = house().await;
    let mut imports = imports(&house);
    let id = opened(&mut imports, false).await;
    let content = families(3);
    let half = pb::UploadAccountImportContentRequest {
        id: id.clone(),
        content: Some(HttpBody { data: content.as_bytes()[..99].to_vec().into(), ..HttpBody::default() }),
    };
    let halves = stream::iter([half]).chain(stream::pending());
    let broken = {
        let mut imports = self::imports(&house);
        spawn(async move { imports.upload_account_import_content(halves).await })
    };
    broken.abort();
    assert_eq!(import(&mut imports, &id).await.state(), State::Open);
    assert_eq!(send(&mut imports, &id, &content).await.unwrap().bytes, content.len() as i64);
    work(&house).await.unwrap();
    assert_eq!(import(&mut imports, &id).await.state(), State::Published);
}

#[tokio::test]
async fn a_card_number_is_named_in_no_column_and_kept_nowhere() {
    let house = house().await;
    let mut imports = imports(&house);
    let card = "4111 1111 1111 1111";
    let row = |n: usize| -> String {
        let cells = (0..12).map(|at| {
            if at == n {
                card
            } else if at == 1 {
                "family"
            } else {
                ""
            }
        });
        cells.collect::<Vec<_>>().join(",") + "\n"
    };
    for content in (0..12).map(|n| format!("{HEADER}{}", row(n))).chain([format!("kind,name,{card}\n")]) {
        let id = upload(&mut imports, &content, false).await;
        work(&house).await.unwrap();
        assert_eq!(import(&mut imports, &id).await.state(), State::Rejected, "{content}");
        for (_, field, message) in errors(&mut imports, &id).await {
            assert!(!field.contains("1111 1111") && !message.contains("1111 1111"), "{field}: {message}");
        }
    }
    assert_eq!([count(&house, "account").await, count(&house, "account_import_part").await], [0, 0]);
}

async fn discard(imports: &mut Imports, id: &str) -> Result<State, tonic::Status> {
    let request = pb::DiscardAccountImportRequest { id: id.to_owned() };
    Ok(imports.discard_account_import(request).await?.into_inner().account_import.unwrap().state())
}

async fn send_bytes(imports: &mut Imports, content: &[u8]) -> String {
    let id = opened(imports, true).await;
    let request = pb::UploadAccountImportPartRequest { id: id.clone(), offset: 0, data: content.to_vec(), last: true };
    imports.upload_account_import_part(request).await.unwrap();
    id
}

#[tokio::test]
async fn a_file_that_is_not_text_in_utf8_is_rejected_at_its_first_line_and_keeps_none_waiting() {
    let house = house().await;
    let mut imports = imports(&house);
    let text = "kind,name\nfamily,Miller\n";
    let little: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let unmarked: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for content in [little, big, unmarked, b"kind,na\0me\nfamily,Miller\n".to_vec(), b"kind,name\xff\n".to_vec()] {
        let (bad, good) = (send_bytes(&mut imports, &content).await, upload(&mut imports, &families(1), true).await);
        work(&house).await.unwrap();
        assert_eq!(import(&mut imports, &bad).await.state(), State::Rejected, "{content:?}");
        assert_eq!(import(&mut imports, &good).await.state(), State::Checked, "{content:?}");
        let errors = errors(&mut imports, &bad).await;
        assert!(errors.len() == 1 && errors[0].0 == 1 && errors[0].2.contains("not text in UTF-8"), "{errors:?}");
    }
    let bad = send_bytes(&mut imports, b"kind,name,\x01co\x7flumn\nfamily,Mi\0ller,\n").await;
    work(&house).await.unwrap();
    assert_eq!(errors(&mut imports, &bad).await[0].1, "column");
    let bad = send_bytes(&mut imports, b"kind,name\nfamily,Mi\0ller\n").await;
    work(&house).await.unwrap();
    let blamed = errors(&mut imports, &bad).await;
    assert!(blamed.len() == 1 && (blamed[0].0, blamed[0].1.as_str()) == (2, "name"), "{blamed:?}");
}

#[tokio::test]
async fn a_file_whose_check_breaks_off_keeps_none_waiting_and_fails_in_the_end() {
    let house = house().await;
    let mut imports = imports(&house);
    sqlx::raw_sql(
        "create function break() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$;
         create trigger break before insert on account_import_error for each row execute function break();",
    )
    .execute(&mut house.sql().await)
    .await
    .unwrap();
    let [bad, given_up] =
        [upload(&mut imports, "kind,nome\n", true).await, upload(&mut imports, "kind,nome\n", true).await];
    let good = upload(&mut imports, &families(2), true).await;
    work(&house).await.unwrap_err();
    assert_eq!(import(&mut imports, &good).await.state(), State::Checked, "though it came last");

    assert_eq!(import(&mut imports, &given_up).await.state(), State::Checking);
    assert_eq!(discard(&mut imports, &given_up).await.unwrap(), State::Discarded);
    for _ in 0..2 {
        work(&house).await.unwrap_err();
    }
    work(&house).await.unwrap();
    let failed = import(&mut imports, &bad).await;
    assert!(failed.state() == State::Failed && failed.failure.is_some(), "{failed:?}");
    assert_eq!(discard(&mut imports, &bad).await.unwrap(), State::Discarded);
    assert_eq!(import(&mut imports, &bad).await.failure, None);
    assert_eq!(reason(&discard(&mut imports, &bad).await.unwrap_err()), "IMPORT_IN_OTHER_STATE");
}

#[tokio::test]
async fn a_quotation_mark_that_is_never_closed_swallows_no_rows() {
    let house = house().await;
    let mut imports = imports(&house);
    let id = upload(&mut imports, "kind,name\nfamily,\"A\nfamily,B\nfamily,C\n", false).await;
    work(&house).await.unwrap();
    assert_eq!(import(&mut imports, &id).await.state(), State::Rejected);
    let errors = errors(&mut imports, &id).await;
    assert!(errors.len() == 1 && errors[0].0 == 2 && errors[0].2.contains("quotation mark"), "{errors:?}");
    assert_eq!(count(&house, "account").await, 0);
}

#[tokio::test]
async fn lines_that_end_with_a_carriage_return_alone_are_counted() {
    let house = house().await;
    let mut imports = imports(&house);
    let id = upload(&mut imports, "kind,name\rfamily,A\rclub,B\r", false).await;
    work(&house).await.unwrap();
    let errors = errors(&mut imports, &id).await;
    assert_eq!(errors.iter().map(|error| error.0).collect::<Vec<_>>(), [3]);
}
