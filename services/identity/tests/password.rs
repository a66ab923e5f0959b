//! Passwords that are changed.

use identity::{Identity, Settings};
use proto::identity::v1 as pb;
use proto::identity::v1::password_service_client::PasswordServiceClient;
use testing::{Builder, House};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::staff::{ALL, PASSWORD, hire, me, open, reason, refresh, settings, sign_in, try_hire, try_sign_in};

const NEXT: &str = "a viola in the snow ";

async fn change(house: &House<Identity>, token: &str, current: &str, next: &str, keep: bool) -> Result<i32, Status> {
    let request = pb::ChangePasswordRequest {
        current_password: current.to_owned(),
        password: next.to_owned(),
        keep_other_sessions: keep,
    };
    let mut client = PasswordServiceClient::new(house.token(token));
    Ok(client.change_password(request).await?.into_inner().ended_sessions)
}

#[tokio::test]
async fn e8_a_changed_password_ends_the_other_sessions_at_once() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let (phone, till) = (sign_in(&house, "ada@shop.test").await, sign_in(&house, "ada@shop.test").await);
    assert_eq!(change(&house, &till.access_token, PASSWORD, NEXT, false).await.unwrap(), 1);
    assert_eq!(me(&house, &phone.access_token).await.unwrap_err().code(), Code::Unauthenticated);
    assert!(refresh(&house, &phone.refresh_token).await.is_err());
    assert!(me(&house, &till.access_token).await.is_ok(), "who changed it stays");
    assert!(refresh(&house, &till.refresh_token).await.is_ok());
    assert!(try_sign_in(&house, "ada@shop.test", PASSWORD).await.is_err());
    assert!(try_sign_in(&house, "ada@shop.test", NEXT.trim()).await.is_err(), "E7: unmodified");
    assert!(try_sign_in(&house, "ada@shop.test", NEXT).await.is_ok());
    assert!(house.audited().await.iter().any(|(_, kind)| kind == "password"));
}

#[tokio::test]
async fn e8_the_other_sessions_may_be_kept() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let (phone, till) = (sign_in(&house, "ada@shop.test").await, sign_in(&house, "ada@shop.test").await);
    assert_eq!(change(&house, &till.access_token, PASSWORD, NEXT, true).await.unwrap(), 0);
    assert!(me(&house, &phone.access_token).await.is_ok());
    assert!(refresh(&house, &phone.refresh_token).await.is_ok(), "it follows the credentials (I4)");
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_and_guesses_are_counted() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let ada = sign_in(&house, "ada@shop.test").await;
    let common = change(&house, &ada.access_token, PASSWORD, "password1", false).await.unwrap_err();
    assert_eq!(reason(&common), "PASSWORD_TOO_COMMON");
    for _ in 0..5 {
        let wrong = change(&house, &ada.access_token, "a wrong one", NEXT, false).await.unwrap_err();
        assert_eq!((wrong.code(), reason(&wrong).as_str()), (Code::InvalidArgument, "PASSWORD_WRONG"));
        let fields = wrong.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields[0].field, "current_password");
    }
    let waits = change(&house, &ada.access_token, PASSWORD, NEXT, false).await.unwrap_err();
    assert_eq!(reason(&waits), "PASSWORD_WRONG", "who must wait is told nothing of it");
    assert!(try_sign_in(&house, "ada@shop.test", PASSWORD).await.is_err());
}

#[tokio::test]
async fn e7_a_password_from_a_breach_is_refused() {
    // Ten passwords from a breach, as their SHA-1.
    let leaked = "a violin in the breach";
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, leaked.as_bytes());
    let path = std::env::temp_dir().join(format!("breached-{}", types::uuid::Uuid::now_v7()));
    std::fs::write(&path, format!("{}:37\n", hex::encode_upper(digest.as_ref()))).unwrap();
    let builder = Builder::default();
    let settings = Settings { breached_passwords_file: Some(path.clone()), ..settings(&builder.keys()) };
    let house = builder.open::<Identity>(settings).await;
    std::fs::remove_file(path).unwrap();
    let refused = try_hire(house.user(&ALL), "ada@shop.test", &["viewer"], leaked).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "PASSWORD_BREACHED"));
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let ada = sign_in(&house, "ada@shop.test").await;
    let refused = change(&house, &ada.access_token, PASSWORD, leaked, false).await.unwrap_err();
    assert_eq!(reason(&refused), "PASSWORD_BREACHED");
}

#[tokio::test]
async fn i4_no_session_begins_or_lives_on_with_credentials_that_were_changed() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let mut current = PASSWORD.to_owned();
    for round in 0..10 {
        let mine = try_sign_in(&house, "ada@shop.test", &current).await.unwrap();
        let next = format!("a viola in the snow {round}");
        let (changed, raced) = tokio::join!(
            change(&house, &mine.access_token, &current, &next, false),
            try_sign_in(&house, "ada@shop.test", &current)
        );
        changed.unwrap();
        if let Ok(raced) = raced {
            assert!(refresh(&house, &raced.refresh_token).await.is_err(), "round {round}");
        }
        assert!(refresh(&house, &mine.refresh_token).await.is_ok(), "round {round}");
        current = next;
    }
    let stale = sqlx::query("update session set credential_version = 1 where ended_at is null");
    let refused = stale.execute(&mut house.sql().await).await.unwrap_err();
    assert!(refused.to_string().contains("session_credential_fkey"), "{refused}");
}
