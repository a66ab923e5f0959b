//! Passwords that were forgotten.

use identity::Identity;
use proto::identity::v1 as pb;
use proto::identity::v1::password_service_client::PasswordServiceClient;
use testing::{House, eventually};
use tonic::{Code, Status};

use crate::staff::{
    ALL, PASSWORD, after_seconds, archive, change, disable, enable, hire, invite, me, open, reason, refresh, sign_in,
    try_sign_in,
};

const NEXT: &str = "a viola in the snow";

async fn forget(house: &House<Identity>, email: &str) {
    let request = pb::ForgotPasswordRequest { email: email.to_owned() };
    let answer = PasswordServiceClient::new(house.nobody()).forgot_password(request).await.unwrap();
    assert_eq!(answer.into_inner(), pb::ForgotPasswordResponse {});
}

async fn reset(house: &House<Identity>, token: &str, password: &str) -> Result<(), Status> {
    let request = pb::ResetPasswordRequest { token: token.to_owned(), password: password.to_owned() };
    PasswordServiceClient::new(house.nobody()).reset_password(request).await.map(|_| ())
}

async fn requests(house: &House<Identity>) -> i64 {
    sqlx::query_scalar("select count(*) from reset_request").fetch_one(&mut house.sql().await).await.unwrap()
}

/// The tokens of the letters so far, oldest first, once there are so many.
async fn tokens(house: &House<Identity>, count: usize) -> Vec<String> {
    eventually("the letters are written", || async {
        let letters: Vec<(String, String)> = sqlx::query_as("select recipient, body from mail order by created_at, id")
            .fetch_all(&mut house.sql().await)
            .await
            .unwrap();
        let token = |(_, body): &(String, String)| {
            let (_, rest) = body.split_once("https://shop.test/reset-password#token=").unwrap();
            rest.split_whitespace().next().unwrap().to_owned()
        };
        (letters.len() >= count).then(|| letters.iter().map(token).collect())
    })
    .await
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_once_and_every_session_ends() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let phone = sign_in(&house, "ada@shop.test").await;
    forget(&house, " ADA@shop.test").await;
    forget(&house, "ada@shop.test").await;
    let tokens = tokens(&house, 2).await;
    assert_eq!(tokens[0].len(), 43, "256 bits in base64url");
    for _ in 0..6 {
        try_sign_in(&house, "ada@shop.test", "a wrong one").await.unwrap_err();
    }
    assert_eq!(reason(&reset(&house, &tokens[0], "password1").await.unwrap_err()), "PASSWORD_TOO_COMMON");
    reset(&house, &tokens[0], NEXT).await.unwrap();
    assert_eq!(me(&house, &phone.access_token).await.unwrap_err().code(), Code::Unauthenticated);
    assert!(refresh(&house, &phone.refresh_token).await.is_err());
    assert!(try_sign_in(&house, "ada@shop.test", NEXT).await.is_ok(), "the failures are forgotten, too");
    assert!(try_sign_in(&house, "ada@shop.test", PASSWORD).await.is_err());
    for used in &tokens {
        let refused = reset(&house, used, "another viola in the snow").await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unauthenticated, "RESET_REFUSED"));
    }
    let mut sql = house.sql().await;
    let kept: i64 = sqlx::query_scalar("select count(*) from password_reset where encode(hash, 'escape') like $1")
        .bind(format!("%{}%", tokens[0]))
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(kept, 0, "only the hash is kept");
}

#[tokio::test]
async fn i9_twenty_uses_of_a_link_at_once_set_one_password() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    forget(&house, "ada@shop.test").await;
    let token = tokens(&house, 1).await.remove(0);
    let mut uses = tokio::task::JoinSet::new();
    for n in 0..20 {
        let request = pb::ResetPasswordRequest { token: token.clone(), password: format!("{NEXT} {n}") };
        let mut client = PasswordServiceClient::new(house.nobody());
        uses.spawn(async move { client.reset_password(request).await });
    }
    assert_eq!(uses.join_all().await.iter().filter(|done| done.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_link_works_for_half_an_hour_and_not_for_who_was_disabled() {
    let house = open().await;
    let (ada, bob) =
        (hire(&house, "ada@shop.test", &["viewer"]).await, hire(&house, "bob@shop.test", &["viewer"]).await);
    forget(&house, "ada@shop.test").await;
    let adas = tokens(&house, 1).await.remove(0);
    after_seconds(&house, 1_800);
    assert_eq!(reason(&reset(&house, &adas, NEXT).await.unwrap_err()), "RESET_REFUSED");
    forget(&house, "bob@shop.test").await;
    let bobs = tokens(&house, 2).await.remove(1);
    disable(&house, &bob.id).await.unwrap();
    assert_eq!(reason(&reset(&house, &bobs, NEXT).await.unwrap_err()), "RESET_REFUSED");
    let _ = ada;
}

#[tokio::test]
async fn three_letters_an_hour_go_to_an_address_and_nobody_is_told_who_has_one() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let gone = hire(&house, "gone@shop.test", &["viewer"]).await;
    disable(&house, &gone.id).await.unwrap();
    for _ in 0..5 {
        for email in ["ada@shop.test", "gone@shop.test", "nobody@shop.test"] {
            forget(&house, email).await;
        }
    }
    eventually("all were looked at", || async { (requests(&house).await == 9).then_some(()) }).await;
    assert_eq!(tokens(&house, 3).await.len(), 3);
    after_seconds(&house, 3_600);
    forget(&house, "ada@shop.test").await;
    assert_eq!(tokens(&house, 4).await.len(), 4);
}

#[tokio::test]
async fn an_administrator_starts_a_reset_and_chooses_nothing() {
    let house = open().await;
    let ada = hire(&house, "ada@shop.test", &["viewer"]).await;
    let request = pb::StartPasswordResetRequest { id: ada.id.clone() };
    let boss = hire(&house, "boss@shop.test", &["admin"]).await;
    let token = sign_in(&house, "boss@shop.test").await.access_token;
    let mut admin = PasswordServiceClient::new(house.token(&token));
    let answer = admin.start_password_reset(request.clone()).await.unwrap().into_inner();
    assert_eq!(answer, pb::StartPasswordResetResponse {}, "the link goes to Ada alone");
    assert!(try_sign_in(&house, "ada@shop.test", PASSWORD).await.is_ok(), "until she chooses, nothing changes");
    reset(&house, &tokens(&house, 1).await[0], NEXT).await.unwrap();
    assert!(try_sign_in(&house, "ada@shop.test", NEXT).await.is_ok());
    let asked: String = sqlx::query_scalar("select requested_by::text from password_reset")
        .fetch_one(&mut house.sql().await)
        .await
        .unwrap();
    assert_eq!(asked, boss.id);
    let all: Vec<&str> = ALL.iter().copied().filter(|word| !word.starts_with("identity")).collect();
    let refused = PasswordServiceClient::new(house.user(&all)).start_password_reset(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

/// A link that was sent to Ada.
async fn asked(house: &House<Identity>, count: usize) -> String {
    forget(house, "ada@shop.test").await;
    tokens(house, count).await.pop().unwrap()
}

#[tokio::test]
async fn a_link_does_not_outlive_another_address_another_password_or_a_disabling() {
    let house = open().await;
    let ada = hire(&house, "ada@shop.test", &["viewer"]).await;
    hire(&house, "boss@shop.test", &["admin"]).await;
    let link = asked(&house, 1).await;
    let moved = pb::User { email: "ada@new.test".to_owned(), ..ada.clone() };
    change(house.user(&ALL), moved, &["email"]).await.unwrap();
    assert_eq!(reason(&reset(&house, &link, NEXT).await.unwrap_err()), "RESET_REFUSED", "from the old mailbox");
    change(house.user(&ALL), ada.clone(), &["email"]).await.unwrap();

    let link = asked(&house, 2).await;
    let own = sign_in(&house, "ada@shop.test").await.access_token;
    let request = pb::ChangePasswordRequest {
        current_password: PASSWORD.to_owned(),
        password: NEXT.to_owned(),
        ..Default::default()
    };
    PasswordServiceClient::new(house.token(&own)).change_password(request).await.unwrap();
    assert_eq!(reason(&reset(&house, &link, "a third viola").await.unwrap_err()), "RESET_REFUSED");

    let link = asked(&house, 3).await;
    disable(&house, &ada.id).await.unwrap();
    enable(&house, &ada.id).await.unwrap();
    assert_eq!(reason(&reset(&house, &link, "a third viola").await.unwrap_err()), "RESET_REFUSED");
    assert!(try_sign_in(&house, "ada@shop.test", NEXT).await.is_ok());
}

#[tokio::test]
async fn no_link_to_an_old_mailbox_is_made_while_the_address_changes() {
    let house = open().await;
    let ada = hire(&house, "ada@shop.test", &["viewer"]).await;
    for round in 0..10 {
        let (before, after) = (format!("ada{round}@shop.test"), format!("ada{}@shop.test", round + 1));
        let named = |email: &str| pb::User { email: email.to_owned(), ..ada.clone() };
        change(house.user(&ALL), named(&before), &["email"]).await.unwrap();
        let (changed, ()) = tokio::join!(change(house.user(&ALL), named(&after), &["email"]), forget(&house, &before));
        changed.unwrap();
        eventually("the request was looked at", || async { (requests(&house).await == round + 1).then_some(()) }).await;
        let letter: Option<String> = sqlx::query_scalar("select body from mail where recipient = $1")
            .bind(&before)
            .fetch_optional(&mut house.sql().await)
            .await
            .unwrap();
        let Some(letter) = letter else { continue };
        let (_, token) = letter.split_once("#token=").unwrap();
        let token = token.split_whitespace().next().unwrap();
        assert_eq!(reason(&reset(&house, token, NEXT).await.unwrap_err()), "RESET_REFUSED", "round {round}");
    }
}

#[tokio::test]
async fn a_reset_is_started_for_who_signs_in_here_and_says_why_not_for_others() {
    let house = open().await;
    hire(&house, "boss@shop.test", &["admin"]).await;
    let token = sign_in(&house, "boss@shop.test").await.access_token;
    let start = async |id: &str| {
        let request = pb::StartPasswordResetRequest { id: id.to_owned() };
        let refused = PasswordServiceClient::new(house.token(&token)).start_password_reset(request).await.unwrap_err();
        (refused.code(), reason(&refused))
    };
    let [gone, out] =
        [hire(&house, "gone@shop.test", &["viewer"]).await, hire(&house, "out@shop.test", &["viewer"]).await];
    archive(&house, &gone.id).await.unwrap();
    disable(&house, &out.id).await.unwrap();
    let invited = invite(&house, "new@shop.test", &["viewer"]).await;
    let customer = crate::portal::customer(&house).await;
    for (id, code, why) in [
        (&gone.id, Code::FailedPrecondition, "USER_ARCHIVED"),
        (&out.id, Code::FailedPrecondition, "USER_DISABLED"),
        (&invited.id, Code::FailedPrecondition, "USER_INVITED"),
        (&customer.id, Code::NotFound, "USER_NOT_FOUND"),
    ] {
        assert_eq!(start(id).await, (code, why.to_owned()));
    }
}
