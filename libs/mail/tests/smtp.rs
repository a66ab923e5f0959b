use crate::office::{carrier, count, dump, later, office, turn, write};
use crate::server::Server;

#[tokio::test]
async fn a_letter_goes_out_by_smtp_with_a_name_that_stays() {
    let (office, server) = (office().await, Server::open().await);
    let carrier = carrier(&format!("smtp://{}", server.at));
    write(&office, true).await;
    *server.to_recipients.lock().unwrap() = "450 come again";
    turn(&office, &carrier).await;
    assert_eq!(count(&office, "attempts = 1 and sent_at is null").await, 1);

    *server.to_recipients.lock().unwrap() = "250 ok";
    later(&office).await;
    turn(&office, &carrier).await;

    let letters = server.letters.lock().unwrap().clone();
    assert_eq!(letters.len(), 1);
    let id: uuid::Uuid = sqlx::query_scalar("select id from mail").fetch_one(&mut office.sql().await).await.unwrap();
    assert!(letters[0].contains(&format!("Message-ID: <{id}@lunarfront.test>")), "{}", letters[0]);
    assert!(letters[0].contains("To: Ada <ada@shop.test>") && letters[0].contains("text/html"), "{}", letters[0]);
    assert!(!dump(&office).await.contains("CANARY"));
}

#[tokio::test]
async fn an_address_that_the_server_refuses_for_good_is_not_tried_again() {
    let (office, server) = (office().await, Server::open().await);
    *server.to_recipients.lock().unwrap() = "550 ada@shop.test is not here";
    write(&office, true).await;
    turn(&office, &carrier(&format!("smtp://{}", server.at))).await;
    assert_eq!(count(&office, "parked_at is not null and last_error = 'the mail server said 550'").await, 1);
}

#[tokio::test]
async fn a_server_that_is_away_costs_nothing_but_time() {
    let office = office().await;
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    write(&office, true).await;
    turn(&office, &carrier(&format!("smtp://{gone}"))).await;
    assert_eq!(count(&office, "last_error = 'the mail server cannot be reached' and parked_at is null").await, 1);
}

#[test]
fn settings_that_cannot_be_read_are_refused_without_the_password() {
    for url in ["", "file:", "http://x", "smtp://user:s3cret@:x"] {
        let refused = mail::carrier(&kit::config::Secret::new(url.to_owned()), "a@b.test").err().unwrap();
        assert!(refused.contains("MAIL_URL") && !refused.contains("s3cret"), "{refused}");
    }
    let from = mail::carrier(&kit::config::Secret::new("file:/tmp".to_owned()), "nobody").err().unwrap();
    assert!(from.contains("MAIL_FROM"));
}
