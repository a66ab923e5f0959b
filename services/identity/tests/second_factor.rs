//! The second factor: an app, and ten codes on paper.

use aws_lc_rs::hmac;
use identity::Identity;
use proto::identity::v1 as pb;
use proto::identity::v1::approval_service_client::ApprovalServiceClient;
use proto::identity::v1::auth_service_client::AuthServiceClient;
use proto::identity::v1::second_factor_service_client::SecondFactorServiceClient;
use testing::{House, Voice};
use tonic::{Code, Status};

use crate::staff::{PASSWORD, after_seconds, give, hire, me, open, reason, sign_in, try_sign_in};

/// What an app does with a secret in base32 (RFC 6238), written anew so that one mistake is not made twice.
fn code(secret: &str, at: chrono::DateTime<chrono::Utc>) -> String {
    let bits: String = secret
        .bytes()
        .map(|letter| if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' })
        .map(|value| format!("{value:05b}"))
        .collect();
    let key: Vec<u8> = (0..bits.len() / 8).map(|n| u8::from_str_radix(&bits[n * 8..n * 8 + 8], 2).unwrap()).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &(at.timestamp() / 30).to_be_bytes());
    let from = usize::from(tag.as_ref()[19] & 15);
    let number = u32::from_be_bytes(tag.as_ref()[from..from + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

async fn sign_in_with(house: &House<Identity>, password: &str, code: &str) -> Result<pb::LoginResponse, Status> {
    let request = pb::LoginRequest {
        email: "ada@shop.test".to_owned(),
        password: password.to_owned(),
        code: Some(code.to_owned()),
        ..Default::default()
    };
    Ok(AuthServiceClient::new(house.nobody()).login(request).await?.into_inner())
}

fn own(house: &House<Identity>, session: &pb::LoginResponse) -> SecondFactorServiceClient<Voice> {
    SecondFactorServiceClient::new(house.token(&session.access_token))
}

/// Ada with an app: its secret, and the codes on her paper.
async fn enrolled(house: &House<Identity>) -> (pb::LoginResponse, String, Vec<String>) {
    hire(house, "ada@shop.test", &["manager"]).await;
    let ada = sign_in(house, "ada@shop.test").await;
    let request = pb::EnrolTotpRequest { current_password: PASSWORD.to_owned() };
    let app = own(house, &ada).enrol_totp(request).await.unwrap().into_inner();
    assert!(app.uri.contains(&app.secret) && app.uri.contains("Test%20Strings:ada@shop.test"), "{}", app.uri);
    assert!(try_sign_in(house, "ada@shop.test", PASSWORD).await.is_ok(), "until it is confirmed nothing changes");
    let request = pb::ConfirmTotpRequest { code: code(&app.secret, house.clock.now()), ..Default::default() };
    let codes = own(house, &ada).confirm_totp(request).await.unwrap().into_inner().recovery_codes;
    assert_eq!(codes.len(), 10);
    (ada, app.secret, codes)
}

#[tokio::test]
async fn with_an_app_a_password_alone_is_not_enough() {
    let house = open().await;
    let (_, secret, _) = enrolled(&house).await;
    let missing = try_sign_in(&house, "ada@shop.test", PASSWORD).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::Unauthenticated, "SECOND_FACTOR_REQUIRED"));
    let wrong = try_sign_in(&house, "ada@shop.test", "a wrong one").await.unwrap_err();
    assert_eq!(reason(&wrong), "SIGN_IN_REFUSED", "only whoever knows the password is told of it");

    after_seconds(&house, 30);
    let now = code(&secret, house.clock.now());
    assert_eq!(reason(&sign_in_with(&house, "a wrong one", &now).await.unwrap_err()), "SIGN_IN_REFUSED");
    let session = sign_in_with(&house, PASSWORD, &now).await.unwrap();
    assert!(me(&house, &session.access_token).await.is_ok());
    assert!(sign_in_with(&house, PASSWORD, &now).await.is_err(), "each code holds once");
    after_seconds(&house, 60);
    let early = code(&secret, house.clock.now() + chrono::TimeDelta::seconds(30));
    assert!(sign_in_with(&house, PASSWORD, &early).await.is_ok(), "a clock may be a step off");
}

#[tokio::test]
async fn i9_twenty_uses_of_one_code_at_once_open_one_session() {
    let house = open().await;
    let (_, secret, codes) = enrolled(&house).await;
    after_seconds(&house, 30);
    for code in [code(&secret, house.clock.now()), codes[0].clone()] {
        let mut uses = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let request = pb::LoginRequest {
                email: "ada@shop.test".to_owned(),
                password: PASSWORD.to_owned(),
                code: Some(code.clone()),
                ..Default::default()
            };
            let mut client = AuthServiceClient::new(house.nobody());
            uses.spawn(async move { client.login(request).await });
        }
        let opened = uses.join_all().await.iter().filter(|done| done.is_ok()).count();
        assert_eq!(opened, 1);
        after_seconds(&house, 3600);
        // What failed is forgotten with the next success.
        sign_in_with(&house, PASSWORD, &crate::second_factor::code(&secret, house.clock.now())).await.unwrap();
    }
}

#[tokio::test]
async fn a_recovery_code_opens_once_when_the_phone_is_lost() {
    let house = open().await;
    let (_, _, codes) = enrolled(&house).await;
    assert!(sign_in_with(&house, PASSWORD, &codes[3].to_uppercase()).await.is_ok());
    assert!(sign_in_with(&house, PASSWORD, &codes[3]).await.is_err());
    assert!(sign_in_with(&house, PASSWORD, "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa").await.is_err());
    assert!(sign_in_with(&house, PASSWORD, &codes[4].replace('-', " ")).await.is_ok());
    let kept: Vec<Vec<u8>> =
        sqlx::query_scalar("select hash from recovery_code").fetch_all(&mut house.sql().await).await.unwrap();
    assert!(kept.iter().all(|hash| hash.len() == 32));
}

#[tokio::test]
async fn guesses_of_a_code_wait_like_guesses_of_a_password() {
    let house = open().await;
    let (_, secret, _) = enrolled(&house).await;
    after_seconds(&house, 30);
    for n in 0..5 {
        // Asking which factor is needed in between does not help.
        assert_eq!(
            reason(&try_sign_in(&house, "ada@shop.test", PASSWORD).await.unwrap_err()),
            "SECOND_FACTOR_REQUIRED"
        );
        let refused = sign_in_with(&house, PASSWORD, &format!("00000{n}")).await.unwrap_err();
        assert_eq!(reason(&refused), "SIGN_IN_REFUSED");
    }
    let now = code(&secret, house.clock.now());
    assert_eq!(reason(&sign_in_with(&house, PASSWORD, &now).await.unwrap_err()), "SIGN_IN_REFUSED");
    after_seconds(&house, 30);
    let now = code(&secret, house.clock.now());
    assert!(sign_in_with(&house, PASSWORD, &now).await.is_ok());
}

#[tokio::test]
async fn an_app_is_taken_up_and_given_up_by_who_knows_the_password() {
    let house = open().await;
    let (ada, secret, codes) = enrolled(&house).await;
    let request = pb::EnrolTotpRequest { current_password: "a wrong one".to_owned() };
    assert_eq!(reason(&own(&house, &ada).enrol_totp(request).await.unwrap_err()), "PASSWORD_WRONG");
    let request = pb::EnrolTotpRequest { current_password: PASSWORD.to_owned() };
    assert_eq!(reason(&own(&house, &ada).enrol_totp(request).await.unwrap_err()), "SECOND_FACTOR_IN_USE");
    let off = |password: &str, code: &str| pb::DisableTotpRequest {
        current_password: password.to_owned(),
        code: code.to_owned(),
        ..Default::default()
    };
    for (password, code, why) in
        [("a wrong one", codes[0].as_str(), "PASSWORD_WRONG"), (PASSWORD, "000000", "CODE_WRONG")]
    {
        let refused = own(&house, &ada).disable_totp(off(password, code)).await.unwrap_err();
        assert_eq!(reason(&refused), why);
    }
    own(&house, &ada).disable_totp(off(PASSWORD, &codes[0])).await.unwrap();
    assert!(try_sign_in(&house, "ada@shop.test", PASSWORD).await.is_ok());

    let mut sql = house.sql().await;
    let left: i64 = sqlx::query_scalar("select (select count(*) from totp) + (select count(*) from recovery_code)")
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(left, 0);
    let told: Vec<String> = sqlx::query_scalar(
        "select after ->> 'state' from audit where subject_kind = 'second_factor' order by position",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    assert_eq!(told, ["enrolled", "on", "off"]);
    let shown: i64 = sqlx::query_scalar("select count(*) from audit where after::text like $1")
        .bind(format!("%{secret}%"))
        .fetch_one(&mut sql)
        .await
        .unwrap();
    assert_eq!(shown, 0);
}

/// Failed sign-ins of somebody that were recorded.
async fn refusals(house: &House<Identity>, id: &str) -> i64 {
    sqlx::query_scalar(
        "select count(*) from audit where subject_kind = 'sign_in' and after ? 'refused' and subject_id = $1",
    )
    .bind(id)
    .fetch_one(&mut house.sql().await)
    .await
    .unwrap()
}

/// Asks for an approval by Ada, who has an app.
async fn approval(house: &House<Identity>, actor: &str, password: &str, code: Option<&str>) -> String {
    let request = pb::CreateApprovalRequest {
        action: "pos.v1.SaleService/VoidSale".to_owned(),
        resource_id: "a sale".to_owned(),
        email: Some("ada@shop.test".to_owned()),
        password: Some(password.to_owned()),
        code: code.map(str::to_owned),
        ..Default::default()
    };
    match ApprovalServiceClient::new(house.token(actor)).create_approval(request).await {
        Ok(_) => "given".to_owned(),
        Err(refused) => reason(&refused),
    }
}

#[tokio::test]
async fn a_wrong_code_of_an_approver_says_nothing_of_his_password() {
    let house = open().await;
    let (ada, secret, codes) = enrolled(&house).await;
    let id = ada.user.unwrap().id;
    hire(&house, "boss@shop.test", &["admin"]).await;
    hire(&house, "clerk@shop.test", &["sales_associate"]).await;
    let clerk = sign_in(&house, "clerk@shop.test").await.access_token;
    give(&house, &id, &["viewer"]).await.unwrap();
    for (password, code) in
        [("a wrong one", Some("000000")), (PASSWORD, Some("000000")), (PASSWORD, Some("aaaa-bbbb")), (PASSWORD, None)]
    {
        assert_eq!(approval(&house, &clerk, password, code).await, "APPROVAL_REFUSED", "{code:?}");
    }
    assert_eq!(refusals(&house, &id).await, 4, "each is recorded");
    after_seconds(&house, 60);
    let now = code(&secret, house.clock.now());
    for paper in [&codes[0], &now] {
        assert_eq!(approval(&house, &clerk, PASSWORD, Some(paper)).await, "APPROVER_LACKS_PERMISSION");
    }
    assert_eq!(refusals(&house, &id).await, 4);
    give(&house, &id, &["manager"]).await.unwrap();
    assert_eq!(approval(&house, &clerk, PASSWORD, Some(&codes[0])).await, "APPROVAL_REFUSED", "each code holds once");
    after_seconds(&house, 60);
    let now = code(&secret, house.clock.now());
    assert_eq!(approval(&house, &clerk, PASSWORD, Some(&now)).await, "given");
    assert_eq!(refusals(&house, &id).await, 5);
}

#[tokio::test]
async fn a_wrong_code_is_recorded_when_an_app_is_given_up() {
    let house = open().await;
    let (ada, _, _) = enrolled(&house).await;
    for code in ["000000", "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa"] {
        let request = pb::DisableTotpRequest {
            current_password: PASSWORD.to_owned(),
            code: code.to_owned(),
            ..Default::default()
        };
        assert_eq!(reason(&own(&house, &ada).disable_totp(request).await.unwrap_err()), "CODE_WRONG");
    }
    assert_eq!(refusals(&house, &ada.user.as_ref().unwrap().id).await, 2);
}
