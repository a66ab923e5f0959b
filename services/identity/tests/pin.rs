//! PINs: from one person to the next at a till.

use identity::Identity;
use proto::identity::v1 as pb;
use proto::identity::v1::approval_service_client::ApprovalServiceClient;
use proto::identity::v1::auth_service_client::AuthServiceClient;
use proto::identity::v1::pin_service_client::PinServiceClient;
use proto::identity::v1::session_service_client::SessionServiceClient;
use testing::House;
use tonic::{Code, Status};
use types::uuid::Uuid;

use crate::staff::{PASSWORD, after_seconds, archive, disable, hire, lifetime, me, open, reason, refresh, sign_in};

const PIN: &str = "2580";

async fn set_pin(house: &House<Identity>, token: &str, pin: &str) -> Result<(), Status> {
    let request = pb::SetPinRequest { pin: pin.to_owned(), current_password: PASSWORD.to_owned() };
    PinServiceClient::new(house.token(token)).set_pin(request).await.map(|_| ())
}

/// Somebody with a PIN.
async fn hired(house: &House<Identity>, name: &str, role: &str) -> pb::User {
    let email = format!("{name}@shop.test");
    let user = hire(house, &email, &[role]).await;
    set_pin(house, &sign_in(house, &email).await.access_token, PIN).await.unwrap();
    user
}

/// A full sign-in at a till.
async fn open_till(house: &House<Identity>, name: &str, till: &str) -> Result<pb::LoginResponse, Status> {
    let request = pb::LoginRequest {
        email: format!("{name}@shop.test"),
        password: PASSWORD.to_owned(),
        device_id: Some(till.to_owned()),
        ..Default::default()
    };
    Ok(AuthServiceClient::new(house.nobody()).login(request).await?.into_inner())
}

async fn switch(
    house: &House<Identity>,
    number: String,
    pin: &str,
    till: &str,
) -> Result<pb::PinLoginResponse, Status> {
    let request = pb::PinLoginRequest { employee_number: number, pin: pin.to_owned(), device_id: till.to_owned() };
    Ok(PinServiceClient::new(house.nobody()).pin_login(request).await?.into_inner())
}

fn number(user: &pb::User) -> String {
    user.employee_number.clone().unwrap()
}

fn till() -> String {
    Uuid::now_v7().to_string()
}

#[tokio::test]
async fn a_pin_takes_a_till_over_and_opens_nothing_elsewhere() {
    let house = open().await;
    let (ada, bob) = (hired(&house, "ada", "sales_associate").await, hired(&house, "bob", "admin").await);
    let till = till();
    let early = switch(&house, number(&ada), PIN, &till).await.unwrap_err();
    assert_eq!(reason(&early), "SIGN_IN_REFUSED", "nobody signed in fully at this till");
    open_till(&house, "ada", &till).await.unwrap();
    let taken = switch(&house, number(&bob), PIN, &till).await.unwrap();
    assert_eq!((taken.expires_in, &taken.user.as_ref().unwrap().id), (120, &bob.id));
    assert_eq!(me(&house, &taken.access_token).await.unwrap().id, bob.id);
    assert!(switch(&house, number(&bob), PIN, &self::till()).await.is_err(), "another till");

    let mut sessions = SessionServiceClient::new(house.token(&taken.access_token));
    let admins = sessions.list_sessions(pb::ListSessionsRequest::default()).await.unwrap_err();
    assert_eq!(admins.code(), Code::PermissionDenied, "the rights over users stay behind");
    let refused = set_pin(&house, &taken.access_token, "1937").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "FULL_SIGN_IN_REQUIRED"));
    let others = sessions.end_other_sessions(pb::EndOtherSessionsRequest {}).await.unwrap_err();
    assert_eq!(reason(&others), "FULL_SIGN_IN_REQUIRED");

    after_seconds(&house, 12 * 3600);
    assert!(switch(&house, number(&bob), PIN, &till).await.is_err(), "the next day somebody signs in fully again");
}

#[tokio::test]
async fn a_till_that_is_left_alone_locks_itself() {
    let house = open().await;
    let ada = hired(&house, "ada", "sales_associate").await;
    let till = till();
    open_till(&house, "ada", &till).await.unwrap();
    let mut token = switch(&house, number(&ada), PIN, &till).await.unwrap().refresh_token;
    for _ in 0..5 {
        after_seconds(&house, 100);
        let next = refresh(&house, &token).await.unwrap();
        assert_eq!(next.expires_in, 120);
        token = next.refresh_token;
    }
    after_seconds(&house, 120);
    assert!(refresh(&house, &token).await.is_err(), "the shop's two minutes");
}

#[tokio::test]
async fn five_wrong_pins_lock_a_person_until_a_full_sign_in() {
    let house = open().await;
    let ada = hired(&house, "ada", "sales_associate").await;
    let tills: Vec<String> = (0..3).map(|_| till()).collect();
    for till in &tills {
        open_till(&house, "ada", till).await.unwrap();
    }
    let mut answers = Vec::new();
    for n in 0..5 {
        answers.push(switch(&house, number(&ada), "9371", &tills[n / 2]).await.unwrap_err());
    }
    answers.push(switch(&house, number(&ada), PIN, &tills[2]).await.unwrap_err());
    answers.push(switch(&house, "999999".to_owned(), PIN, &tills[2]).await.unwrap_err());
    after_seconds(&house, 3600);
    answers.push(switch(&house, number(&ada), PIN, &tills[2]).await.unwrap_err());
    let same = |status: &Status| (status.code(), status.message().to_owned(), status.details().to_vec());
    assert!(answers.iter().all(|answer| same(answer) == same(&answers[0])), "wrong, locked and unknown look alike");

    sign_in(&house, "ada@shop.test").await;
    assert!(switch(&house, number(&ada), PIN, &tills[2]).await.is_ok());
    let told: i64 =
        sqlx::query_scalar("select count(*) from audit where subject_kind = 'pin' and after ? 'tries_used_up'")
            .fetch_one(&mut house.sql().await)
            .await
            .unwrap();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn five_wrong_pins_lock_a_till_whoever_they_were_for() {
    let house = open().await;
    let mut staff = Vec::new();
    for name in ["ada", "bob", "cyd", "dan", "eve", "fay"] {
        staff.push(hired(&house, name, "sales_associate").await);
    }
    let till = till();
    open_till(&house, "ada", &till).await.unwrap();
    for user in &staff[..3] {
        assert!(switch(&house, number(user), "9371", &till).await.is_err());
    }
    assert!(switch(&house, number(&staff[5]), PIN, &till).await.is_ok(), "one's own PIN");
    for user in &staff[3..5] {
        assert!(switch(&house, number(user), "9371", &till).await.is_err(), "does not make up for what failed");
    }
    assert!(switch(&house, number(&staff[5]), PIN, &till).await.is_err());
    open_till(&house, "bob", &till).await.unwrap();
    assert!(switch(&house, number(&staff[5]), PIN, &till).await.is_ok());
}

#[tokio::test]
async fn fifty_guesses_at_once_are_looked_at_five_times() {
    let house = open().await;
    let ada = hired(&house, "ada", "sales_associate").await;
    let tills: Vec<String> = (0..10).map(|_| till()).collect();
    for till in &tills {
        open_till(&house, "ada", till).await.unwrap();
    }
    let mut guesses = tokio::task::JoinSet::new();
    for n in 0..50 {
        let request = pb::PinLoginRequest {
            employee_number: number(&ada),
            pin: format!("{}", 3_000 + n),
            device_id: tills[n % 10].clone(),
        };
        let mut client = PinServiceClient::new(house.nobody());
        guesses.spawn(async move { client.pin_login(request).await.map(|_| ()) });
    }
    assert!(guesses.join_all().await.iter().all(Result::is_err));
    let failures: i32 = sqlx::query_scalar("select failures from pin").fetch_one(&mut house.sql().await).await.unwrap();
    assert_eq!(failures, 5);
}

#[tokio::test]
async fn who_leaves_or_gives_his_pin_up_takes_no_till_over() {
    let house = open().await;
    let (ada, bob) = (hired(&house, "ada", "sales_associate").await, hired(&house, "bob", "sales_associate").await);
    let till = till();
    let full = open_till(&house, "ada", &till).await.unwrap();
    let taken = switch(&house, number(&ada), PIN, &till).await.unwrap();
    let mut own = PinServiceClient::new(house.token(&full.access_token));
    own.remove_pin(pb::RemovePinRequest {}).await.unwrap();
    assert!(me(&house, &taken.access_token).await.is_err(), "its sessions end");
    assert!(me(&house, &full.access_token).await.is_ok(), "and no others");
    assert!(switch(&house, number(&ada), PIN, &till).await.is_err());
    disable(&house, &bob.id).await.unwrap();
    assert!(switch(&house, number(&bob), PIN, &till).await.is_err());
}

#[tokio::test]
async fn a_pin_wants_the_password_and_is_not_the_first_that_one_guesses() {
    let house = open().await;
    let ada = hire(&house, "ada@shop.test", &["sales_associate"]).await;
    let token = sign_in(&house, "ada@shop.test").await.access_token;
    for bad in ["1234", "0000", "12a4", &number(&ada)] {
        assert_eq!(set_pin(&house, &token, bad).await.unwrap_err().code(), Code::InvalidArgument, "{bad}");
    }
    let request = pb::SetPinRequest { pin: PIN.to_owned(), current_password: "a wrong one".to_owned() };
    let refused = PinServiceClient::new(house.token(&token)).set_pin(request).await.unwrap_err();
    assert_eq!(reason(&refused), "PASSWORD_WRONG");
    set_pin(&house, &token, PIN).await.unwrap();
    let hash: String = sqlx::query_scalar("select hash from pin").fetch_one(&mut house.sql().await).await.unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
}

#[tokio::test]
async fn an_approver_at_a_till_shows_his_pin() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["sales_associate"]).await;
    let boss = hired(&house, "boss", "manager").await;
    let till = till();
    let ada = open_till(&house, "ada", &till).await.unwrap();
    let approve = async |pin: &str, device: &str| {
        let request = pb::CreateApprovalRequest {
            action: "pos.v1.SaleService/VoidSale".to_owned(),
            resource_id: "a sale".to_owned(),
            employee_number: Some(number(&boss)),
            pin: Some(pin.to_owned()),
            device_id: Some(device.to_owned()),
            ..Default::default()
        };
        ApprovalServiceClient::new(house.token(&ada.access_token)).create_approval(request).await
    };
    assert_eq!(approve(PIN, &till).await.unwrap().into_inner().approver_id, boss.id);
    for (pin, device) in [("9371", &till), (PIN, &self::till())] {
        let refused = approve(pin, device).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "APPROVAL_REFUSED"));
    }
}

#[tokio::test]
async fn a_customer_makes_no_till_of_his_device() {
    let house = open().await;
    let ada = hired(&house, "ada", "sales_associate").await;
    let customer = crate::portal::customer(&house).await;
    let device = till();
    let request = pb::LoginRequest {
        email: customer.email,
        password: PASSWORD.to_owned(),
        device_id: Some(device.clone()),
        ..Default::default()
    };
    AuthServiceClient::new(house.nobody()).login(request).await.unwrap();
    let refused = switch(&house, number(&ada), PIN, &device).await.unwrap_err();
    assert_eq!(reason(&refused), "SIGN_IN_REFUSED");
    for _ in 0..6 {
        assert!(switch(&house, number(&ada), "9371", &device).await.is_err());
    }
    let till = till();
    open_till(&house, "ada", &till).await.unwrap();
    assert!(switch(&house, number(&ada), PIN, &till).await.is_ok(), "and locks nobody's PIN");
}

#[tokio::test]
async fn the_trust_of_a_till_goes_with_whoever_gave_it() {
    let house = open().await;
    let ada = hired(&house, "ada", "sales_associate").await;
    hire(&house, "bob@shop.test", &["sales_associate"]).await;
    for is_archived in [false, true] {
        let till = till();
        let name = format!("guest{}", &till[24..]);
        let guest = hire(&house, &format!("{name}@shop.test"), &["viewer"]).await;
        open_till(&house, &name, &till).await.unwrap();
        assert!(switch(&house, number(&ada), PIN, &till).await.is_ok());
        let left = if is_archived { archive(&house, &guest.id).await } else { disable(&house, &guest.id).await };
        left.unwrap();
        assert!(switch(&house, number(&ada), PIN, &till).await.is_err());
        open_till(&house, "bob", &till).await.unwrap();
        assert!(switch(&house, number(&ada), PIN, &till).await.is_ok(), "somebody else vouches for it");
    }
}

#[tokio::test]
async fn five_wrong_pins_within_any_quarter_of_an_hour_are_too_many() {
    let house = open().await;
    let ada = hired(&house, "ada", "sales_associate").await;
    let till = till();
    open_till(&house, "ada", &till).await.unwrap();
    assert!(switch(&house, number(&ada), "9371", &till).await.is_err());
    after_seconds(&house, 894);
    for _ in 0..3 {
        assert!(switch(&house, number(&ada), "9371", &till).await.is_err());
    }
    after_seconds(&house, 7);
    assert!(switch(&house, number(&ada), "9371", &till).await.is_err(), "the fourth, as the first is over");
    assert!(switch(&house, number(&ada), PIN, &till).await.is_ok());
    // The person is forgiven, and the till has had four.
    assert!(switch(&house, number(&ada), "9371", &till).await.is_err());
    assert!(switch(&house, number(&ada), PIN, &till).await.is_err());
    open_till(&house, "ada", &till).await.unwrap();
    for _ in 0..4 {
        assert!(switch(&house, number(&ada), "9371", &till).await.is_err());
    }
    after_seconds(&house, 900);
    for _ in 0..4 {
        assert!(switch(&house, number(&ada), "9371", &till).await.is_err());
    }
    assert!(switch(&house, number(&ada), PIN, &till).await.is_ok(), "what is older counts no more");
}

#[tokio::test]
async fn what_a_binary_from_before_counted_still_counts() {
    let house = open().await;
    let ada = hired(&house, "ada", "sales_associate").await;
    let till = till();
    open_till(&house, "ada", &till).await.unwrap();
    sqlx::query("update pin set failures = 4, since = $1")
        .bind(house.clock.now())
        .execute(&mut house.sql().await)
        .await
        .unwrap();
    assert!(switch(&house, number(&ada), "9371", &till).await.is_err());
    assert!(switch(&house, number(&ada), PIN, &till).await.is_err(), "five are five");
}

#[tokio::test]
async fn i4_no_till_is_taken_over_with_a_pin_that_was_given_up_meanwhile() {
    let house = open().await;
    let ada = hired(&house, "ada", "sales_associate").await;
    for round in 0..8 {
        let till = till();
        let own = open_till(&house, "ada", &till).await.unwrap().access_token;
        set_pin(&house, &own, PIN).await.unwrap();
        let mut logins = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let request =
                pb::PinLoginRequest { employee_number: number(&ada), pin: PIN.to_owned(), device_id: till.clone() };
            let mut client = PinServiceClient::new(house.nobody());
            logins.spawn(async move { client.pin_login(request).await.map(tonic::Response::into_inner) });
        }
        if round % 2 == 0 {
            PinServiceClient::new(house.token(&own)).remove_pin(pb::RemovePinRequest {}).await.unwrap();
        } else {
            set_pin(&house, &own, "840217").await.unwrap();
        }
        for login in logins.join_all().await.into_iter().flatten() {
            assert!(refresh(&house, &login.refresh_token).await.is_err(), "round {round}");
        }
        assert!(me(&house, &own).await.is_ok(), "his own session lives on");
    }
}

#[tokio::test]
async fn i4_a_session_refers_to_the_credentials_of_after_a_pin_was_changed() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["sales_associate"]).await;
    let session = sign_in(&house, "ada@shop.test").await;
    let version = async || -> i64 {
        sqlx::query_scalar("select credential_version from app_user").fetch_one(&mut house.sql().await).await.unwrap()
    };
    let before = version().await;
    set_pin(&house, &session.access_token, PIN).await.unwrap();
    assert_eq!(version().await, before + 1);
    let mut own = PinServiceClient::new(house.token(&session.access_token));
    own.remove_pin(pb::RemovePinRequest {}).await.unwrap();
    assert_eq!(version().await, before + 2);
    assert!(refresh(&house, &session.refresh_token).await.is_ok(), "his own session follows");
}

#[tokio::test]
async fn an_access_token_of_a_till_ends_when_the_till_locks() {
    let house = open().await;
    let ada = hired(&house, "ada", "sales_associate").await;
    sqlx::query("update shop set till_lock_minutes = 1").execute(&mut house.sql().await).await.unwrap();
    let till = till();
    open_till(&house, "ada", &till).await.unwrap();
    let taken = switch(&house, number(&ada), PIN, &till).await.unwrap();
    assert_eq!((taken.expires_in, lifetime(&taken.access_token)), (60, 60));
    after_seconds(&house, 20);
    let next = refresh(&house, &taken.refresh_token).await.unwrap();
    assert_eq!((next.expires_in, lifetime(&next.access_token)), (60, 60));
    after_seconds(&house, 5);
    let again = refresh(&house, &taken.refresh_token).await.unwrap();
    assert_eq!((again.expires_in, lifetime(&again.access_token)), (55, 55), "the answer that got lost");
}
