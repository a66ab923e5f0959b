use uuid::Uuid;

use crate::{PNG, Place, all, take};

#[tokio::test]
async fn a_kept_file_is_read_back_and_removed() {
    let (place, id) = (Place::new(), Uuid::now_v7());
    let files = place.files();
    let bytes = [PNG, &vec![7; 200_000]].concat();
    let taken = take(&files, &bytes).await;
    assert!(files.read(id).await.unwrap().is_none(), "it is not there before it is kept");

    files.keep(id, &taken).await.unwrap();
    files.keep(id, &taken).await.unwrap();
    drop(taken);

    assert_eq!(all(place.files().read(id).await.unwrap()).await, bytes);
    assert_eq!(place.drafts(), 0);
    files.remove(id).await.unwrap();
    files.remove(id).await.unwrap();
    assert!(files.read(id).await.unwrap().is_none());
}

#[test]
fn what_a_killed_process_began_is_gone_after_a_day() {
    let place = Place::new();
    place.files();
    let age = std::time::Duration::from_secs(25 * 60 * 60);
    for (name, age) in [("old", age), ("new", age / 2)] {
        let draft = std::fs::File::create(place.0.join("spool").join(name)).unwrap();
        draft.set_modified(std::time::SystemTime::now() - age).unwrap();
    }
    place.files();
    assert_eq!(place.drafts(), 1);
    assert!(place.0.join("spool/new").exists());
}

#[test]
fn settings_that_cannot_be_read_are_refused_without_the_secret() {
    for url in ["", "file:", "ftp://x", "https://host/bucket", "https://key:s3cret@host", "https://key:s3cret@:x/b"] {
        let refused = files::Files::open(&kit::config::Secret::new(url.to_owned())).unwrap_err();
        assert!(refused.contains("FILES_URL") && !refused.contains("s3cret"), "{refused}");
    }
}
