use chrono::{Duration, Utc};
use files::Links;
use testing::Stand;
use uuid::Uuid;

#[tokio::test]
async fn a_link_opens_its_file_until_its_time_is_over() {
    let house = Stand::open("").await;
    let keys = cipher::Keys::load(&house.app, "file-links", &testing::field_key()).await.unwrap();
    let (links, id, now) = (Links::new(keys), Uuid::now_v7(), Utc::now());
    let link = links.sign(id, now + Duration::seconds(60)).unwrap();

    assert_eq!(links.open(&link, now), Some(id));
    assert_eq!(links.open(&link, now + Duration::seconds(59)), Some(id));
    assert_eq!(links.open(&link, now + Duration::seconds(61)), None);
    let (about, signature) = link.rsplit_once('.').unwrap();
    let (_, expires) = about.split_once('.').unwrap();
    let other = Uuid::now_v7();
    for forged in
        [String::new(), about.to_owned(), format!("{other}.{expires}.{signature}"), format!("{id}.9.{signature}")]
    {
        assert_eq!(links.open(&forged, now), None, "{forged}");
    }
}
