//! Signing in.

use identity::Identity;
use kit::Service;
use kit::config::Secret;
use proto::identity::v1 as pb;
use proto::identity::v1::auth_service_client::AuthServiceClient;
use testing::{Builder, House};
use tonic::Code;
use tonic_types::StatusExt;

use crate::staff::{
    ALL, PASSWORD, after_seconds, disable, hire, me, open, reason, settings, sign_in, try_hire, try_sign_in,
};

async fn records(house: &House<Identity>, kind: &str) -> Vec<serde_json::Value> {
    let rows = sqlx::query_scalar("select after from audit where subject_kind = $1 order by position").bind(kind);
    rows.fetch_all(&mut house.sql().await).await.unwrap()
}

#[tokio::test]
async fn unknown_wrong_and_disabled_get_one_answer() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let gone = hire(&house, "gone@shop.test", &["viewer"]).await;
    disable(&house, &gone.id).await.unwrap();
    let mut answers = Vec::new();
    for (email, password) in [
        ("nobody@shop.test", PASSWORD),
        ("ada@shop.test", "not her password"),
        ("ada@shop.test", "A VIOLIN IN THE RAIN"),
        ("ada@shop.test", "a violin in the rain "),
        ("gone@shop.test", PASSWORD),
        ("no address at all", PASSWORD),
    ] {
        let refused = try_sign_in(&house, email, password).await.unwrap_err();
        answers.push((refused.code(), refused.message().to_owned(), refused.details().to_vec()));
    }
    assert_eq!(answers[0].0, Code::Unauthenticated);
    assert!(answers.iter().all(|answer| *answer == answers[0]));

    let records = records(&house, "sign_in").await;
    assert_eq!(records.len(), 6, "each is recorded");
    assert_eq!(records[0]["email"], "n***@shop.test");
    assert_eq!(records[5]["email"], "***", "somebody may have typed his password there");
}

#[tokio::test]
async fn e7_any_password_is_taken_unmodified() {
    let house = open().await;
    let long = "correct horse battery staple ".repeat(8);
    for (n, password) in ["qzvbnmtr", "with trailing space ", "🎻🎺🥁🎷🎸🪕🎹🪗", &long].into_iter().enumerate()
    {
        let email = format!("user{n}@shop.test");
        try_hire(house.user(&ALL), &email, &["viewer"], password).await.unwrap();
        assert!(try_sign_in(&house, &email, password).await.is_ok(), "{password}");
        assert!(try_sign_in(&house, &email, password[..password.len() - 4].trim()).await.is_err(), "{password}");
    }
}

#[tokio::test]
async fn a_sign_in_is_recorded_as_the_users_own() {
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["viewer"]).await;
    sign_in(&house, "ada@shop.test").await;
    let row: (Option<types::uuid::Uuid>, String, String) =
        sqlx::query_as("select actor_id, actor_name, action from audit where subject_kind = 'session'")
            .fetch_one(&mut house.sql().await)
            .await
            .unwrap();
    assert_eq!(row.0.unwrap().to_string(), user.id);
    assert_eq!((row.1.as_str(), row.2.as_str()), ("Ada Quinn", "identity.v1.AuthService/Login"));
}

#[tokio::test]
async fn e1_and_e3_who_failed_five_times_waits_and_is_told_nothing_of_it() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    for name in ["ada@shop.test", "nobody@shop.test"] {
        let mut answers = Vec::new();
        for password in [&["not the password"; 5][..], &[PASSWORD; 3]].concat() {
            let refused = try_sign_in(&house, name, password).await.unwrap_err();
            answers.push((refused.code(), refused.message().to_owned(), refused.details().to_vec()));
        }
        assert_eq!(answers[0].0, Code::Unauthenticated);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{name}: waiting looks like a wrong password");
    }
    assert_eq!(records(&house, "sign_in").await.len(), 16, "each is recorded");

    after_seconds(&house, 29);
    assert!(try_sign_in(&house, "ADA@shop.test", PASSWORD).await.is_err(), "whatever the case");
    after_seconds(&house, 1);
    for _ in 6..10 {
        assert!(try_sign_in(&house, "ada@shop.test", "not the password").await.is_err());
        after_seconds(&house, 30);
    }
    assert!(try_sign_in(&house, "ada@shop.test", "not the password").await.is_err(), "the tenth");
    after_seconds(&house, 30);
    assert!(try_sign_in(&house, "ada@shop.test", PASSWORD).await.is_err(), "the tenth waits a minute");
    after_seconds(&house, 30);
    assert!(try_sign_in(&house, "ada@shop.test", PASSWORD).await.is_ok(), "nobody is locked out for good");
    for _ in 0..4 {
        assert!(try_sign_in(&house, "ada@shop.test", "not the password").await.is_err());
    }
    assert!(try_sign_in(&house, "ada@shop.test", PASSWORD).await.is_ok(), "and a success begins anew");
}

#[tokio::test]
async fn e3_failures_are_kept_in_the_database_by_hash_and_forgotten_after_twelve_hours() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    for _ in 0..5 {
        assert!(try_sign_in(&house, "ada@shop.test", "not the password").await.is_err());
    }
    let hashes: Vec<Vec<u8>> =
        sqlx::query_scalar("select name_hash from throttle").fetch_all(&mut house.sql().await).await.unwrap();
    assert_eq!(hashes.len(), 1);
    assert!(!hashes[0].windows(3).any(|part| part == b"ada"), "the name itself is not kept");
    after_seconds(&house, 12 * 3600);
    for job in house.service.jobs() {
        job.run_once(&house.app.db, "identity").await.unwrap();
    }
    let left: i64 =
        sqlx::query_scalar("select count(*) from throttle").fetch_one(&mut house.sql().await).await.unwrap();
    assert_eq!(left, 0, "failures are forgotten after twelve hours");
}

#[tokio::test]
async fn one_client_address_is_told_to_wait() {
    let house = open().await;
    for n in 0..20 {
        assert!(try_sign_in(&house, &format!("{n}@shop.test"), PASSWORD).await.is_err());
    }
    let refused = try_sign_in(&house, "20@shop.test", PASSWORD).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "SIGN_IN_THROTTLED"));
    assert_eq!(refused.get_details_retry_info().unwrap().retry_delay.unwrap().as_secs(), 60);
}

#[tokio::test]
async fn right_passwords_are_not_counted() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    for _ in 0..8 {
        try_sign_in(&house, "ada@shop.test", "not the password").await.unwrap_err();
        sign_in(&house, "ada@shop.test").await;
    }
}

#[tokio::test]
async fn a_hundred_guesses_at_once_are_looked_at_five_times() {
    let builder = Builder::default().at("2026-11-21T12:00:00Z");
    let settings = identity::Settings { sign_in_tries_per_ip: 1000, ..settings(&builder.keys()) };
    let house = builder.open::<Identity>(settings).await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let mut guesses = tokio::task::JoinSet::new();
    for n in 0..100 {
        let request = pb::LoginRequest {
            email: "ada@shop.test".to_owned(),
            password: format!("guess {n}"),
            ..Default::default()
        };
        let mut client = AuthServiceClient::new(house.nobody());
        guesses.spawn(async move { client.login(request).await.map(|_| ()) });
    }
    assert!(guesses.join_all().await.iter().all(Result::is_err));
    let looked_at: i32 =
        sqlx::query_scalar("select failures from throttle").fetch_one(&mut house.sql().await).await.unwrap();
    assert_eq!(looked_at, 5);
}

#[tokio::test]
async fn twenty_right_passwords_at_once_all_come_in() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let request =
            pb::LoginRequest { email: "ada@shop.test".to_owned(), password: PASSWORD.to_owned(), ..Default::default() };
        let mut client = AuthServiceClient::new(house.nobody());
        tries.spawn(async move { client.login(request).await.map(|_| ()) });
    }
    assert!(tries.join_all().await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_hash_of_weaker_days_is_renewed_at_the_next_sign_in() {
    use argon2::password_hash::PasswordHasher;
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["viewer"]).await;
    let weak = argon2::Argon2::new(
        argon2::Algorithm::Argon2id,
        argon2::Version::V0x13,
        argon2::Params::new(8192, 1, 1, None).unwrap(),
    );
    let weak = weak.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    let mut sql = house.sql().await;
    sqlx::query("update app_user set password_hash = $1").bind(weak).execute(&mut sql).await.unwrap();
    sign_in(&house, "ada@shop.test").await;
    let hash: String = sqlx::query_scalar("select password_hash from app_user").fetch_one(&mut sql).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert_eq!(sign_in(&house, "ada@shop.test").await.user.unwrap(), user, "the user did not change");
}

#[tokio::test]
async fn the_first_user_comes_from_the_settings_once() {
    let builder = Builder::default();
    let first = identity::Settings {
        initial_user_email: "boss@shop.test".to_owned(),
        initial_user_first_name: "Olivia".to_owned(),
        initial_user_last_name: "Harmon".to_owned(),
        initial_user_password: Some(Secret::new(PASSWORD.to_owned())),
        ..settings(&builder.keys())
    };
    let house = builder.open::<Identity>(first.clone()).await;
    let boss = sign_in(&house, "boss@shop.test").await;
    let mut held = boss.user.unwrap().permissions;
    held.sort();
    let mut all = ALL.map(str::to_owned);
    all.sort();
    assert_eq!(held, all);
    assert!(me(&house, &boss.access_token).await.is_ok());

    let mut starts = tokio::task::JoinSet::new();
    for n in 0..3 {
        let other = identity::Settings { initial_user_email: format!("other{n}@shop.test"), ..first.clone() };
        let app = house.app.clone();
        starts.spawn(async move { Identity::open(app, other).await.map(|_| ()) });
    }
    assert!(starts.join_all().await.iter().all(Result::is_ok));
    assert!(try_sign_in(&house, "other0@shop.test", PASSWORD).await.is_err());
    assert_eq!(house.events::<pb::UserChanged>().await.len(), 1);

    let common = identity::Settings { initial_user_password: Some(Secret::new("password1".to_owned())), ..first };
    let builder = Builder::default();
    let empty = builder.open::<Identity>(settings(&house.keys)).await;
    assert!(Identity::open(empty.app.clone(), common).await.err().unwrap().contains("choose another"));
}

#[tokio::test]
async fn signing_out_ends_the_session_and_no_other() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let phone = sign_in(&house, "ada@shop.test").await;
    let till = sign_in(&house, "ada@shop.test").await;
    let mut client = AuthServiceClient::new(house.token(&phone.access_token));
    client.logout(pb::LogoutRequest {}).await.unwrap();
    assert_eq!(me(&house, &phone.access_token).await.unwrap_err().code(), Code::Unauthenticated);
    assert!(crate::staff::refresh(&house, &phone.refresh_token).await.is_err());
    assert!(me(&house, &till.access_token).await.is_ok());
    assert_eq!(house.events::<pb::SessionEnded>().await.len(), 1);
}
