use files::{Kind, Refused};
use kit::Refusal;

use crate::{PNG, Place, RULES, broken, parts};

#[tokio::test]
async fn a_file_is_taken_with_its_kind_its_length_and_its_hash() {
    let place = Place::new();
    let taken = place.files().take(&RULES, "text/csv", parts(&[b"name\n", b"Ada\n"])).await.unwrap();
    assert_eq!((taken.kind, taken.size), (Kind::Csv, 9));
    assert_eq!(hex::encode(taken.sha256), "b97998758a2ee1f0237f7924feb7558fff4749725019a5974f26b109d1bf36c3");
    assert_eq!(place.drafts(), 1);
    drop(taken);
    assert_eq!(place.drafts(), 0, "what is not kept is gone");
}

#[tokio::test]
async fn what_breaks_the_rules_leaves_nothing() {
    let place = Place::new();
    let files = place.files();
    let long = vec![b'x'; 1 << 16];
    for (kind, bytes, reason) in [
        ("", parts(&[]), "FILE_EMPTY"),
        ("", parts(&[b""]), "FILE_EMPTY"),
        ("", parts(&[b"%PDF-1.7"]), "FILE_KIND_REFUSED"),
        ("text/csv", parts(&[PNG]), "FILE_KIND_REFUSED"),
        ("image/png", parts(&[b"<html>"]), "FILE_KIND_REFUSED"),
        ("", parts(&[long.as_slice(); 17]), "FILE_TOO_LARGE"),
        ("", broken(b"name\n"), "BROKE_OFF"),
    ] {
        let refused: Refused = files.take(&RULES, kind, bytes).await.unwrap_err();
        assert_eq!(refused.reason(), reason);
        assert_eq!(place.drafts(), 0, "{reason}");
    }
}

#[tokio::test]
async fn a_file_that_comes_in_small_parts_is_known_all_the_same() {
    let place = Place::new();
    let bytes: Vec<&[u8]> = PNG.chunks(1).collect();
    assert_eq!(place.files().take(&RULES, "image/png", parts(&bytes)).await.unwrap().kind, Kind::Png);
}
