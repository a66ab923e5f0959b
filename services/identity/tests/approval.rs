//! Approvals, as identity gives them.

use identity::Identity;
use kit::auth::{Trust, Verifier};
use proto::identity::v1 as pb;
use proto::identity::v1::approval_service_client::ApprovalServiceClient;
use proto::identity::v1::auth_service_client::AuthServiceClient;
use proto::identity::v1::pin_service_client::PinServiceClient;
use proto::identity::v1::trust_service_client::TrustServiceClient;
use testing::{AUDIENCE, House, ISSUER};
use tonic::{Code, Status};

use crate::staff::{PASSWORD, hire, open, reason, sign_in};

const VOID: &str = "pos.v1.SaleService/VoidSale";

async fn approve(
    house: &House<Identity>,
    actor: &pb::LoginResponse,
    email: &str,
    password: &str,
    action: &str,
) -> Result<pb::CreateApprovalResponse, Status> {
    let request = pb::CreateApprovalRequest {
        action: action.to_owned(),
        resource_id: "a sale".to_owned(),
        email: Some(email.to_owned()),
        password: Some(password.to_owned()),
        ..Default::default()
    };
    let mut client = ApprovalServiceClient::new(house.token(&actor.access_token));
    Ok(client.create_approval(request).await?.into_inner())
}

#[tokio::test]
async fn e6_an_approval_holds_for_its_actor_and_its_action_for_five_minutes() {
    let house = open().await;
    let manager = hire(&house, "manager@shop.test", &["manager"]).await;
    let clerk = hire(&house, "clerk@shop.test", &["sales_associate"]).await;
    let actor = sign_in(&house, "clerk@shop.test").await;
    let given = approve(&house, &actor, "manager@shop.test", PASSWORD, VOID).await.unwrap();
    assert_eq!(given.approver_id, manager.id);

    let keys = TrustServiceClient::new(house.nobody()).get_jwks(pb::GetJwksRequest {}).await.unwrap().into_inner().keys;
    let trust = Trust::default();
    trust.tell(&keys.into_iter().map(|key| (key.kid, key.x)).collect::<Vec<_>>(), &[]);
    let verifier = Verifier::new(trust, ISSUER, AUDIENCE);
    let now = chrono::Utc::now();
    let user = verifier.user(&actor.access_token, now).unwrap();
    let rpc = ("/lunarfront.pos.v1.SaleService/VoidSale", "pos.admin");
    let approval = verifier.approval(&given.token, &user, rpc, now).unwrap();
    assert_eq!((approval.id.to_string(), approval.approver_id.to_string()), (given.id, manager.id.clone()));
    assert_eq!(approval.resource_id, "a sale");
    let loud = pb::CreateApprovalRequest {
        action: VOID.to_owned(),
        resource_id: "01900000-ABCD-7000-9000-00000000BEEF".to_owned(),
        email: Some("manager@shop.test".to_owned()),
        password: Some(PASSWORD.to_owned()),
        ..Default::default()
    };
    let mut client = ApprovalServiceClient::new(house.token(&actor.access_token));
    let loud = client.create_approval(loud).await.unwrap().into_inner();
    let read = verifier.approval(&loud.token, &user, rpc, now).unwrap();
    assert_eq!(read.resource_id, "01900000-abcd-7000-9000-00000000beef", "as services write it");
    assert!(verifier.user(&given.token, now).is_err(), "it opens no door");
    let claims: serde_json::Value = {
        use base64::Engine;
        let part = given.token.split('.').nth(1).unwrap();
        serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);

    let recorded: (types::uuid::Uuid, types::uuid::Uuid) =
        sqlx::query_as("select actor_id, approver_id from audit where subject_kind = 'approval' limit 1")
            .fetch_one(&mut house.sql().await)
            .await
            .unwrap();
    assert_eq!((recorded.0.to_string(), recorded.1.to_string()), (clerk.id, manager.id));
}

#[tokio::test]
async fn i6_nobody_approves_what_he_does_himself_or_may_not_do() {
    let house = open().await;
    for (email, role) in
        [("boss@shop.test", "manager"), ("clerk@shop.test", "sales_associate"), ("eye@shop.test", "viewer")]
    {
        hire(&house, email, &[role]).await;
    }
    let clerk = sign_in(&house, "clerk@shop.test").await;
    let boss = sign_in(&house, "boss@shop.test").await;
    let refused = async |actor, email, password, action| {
        let refused = approve(&house, actor, email, password, action).await.unwrap_err();
        (refused.code(), reason(&refused))
    };
    let own = refused(&boss, "boss@shop.test", PASSWORD, VOID).await;
    assert_eq!(own, (Code::PermissionDenied, "APPROVER_IS_ACTOR".to_owned()));
    let weak = refused(&clerk, "eye@shop.test", PASSWORD, VOID).await;
    assert_eq!(weak, (Code::PermissionDenied, "APPROVER_LACKS_PERMISSION".to_owned()));
    for (email, password) in [("boss@shop.test", "a wrong one"), ("nobody@shop.test", PASSWORD)] {
        let wrong = refused(&clerk, email, password, VOID).await;
        assert_eq!(wrong, (Code::PermissionDenied, "APPROVAL_REFUSED".to_owned()), "{email}");
    }
    let what = refused(&clerk, "boss@shop.test", PASSWORD, "pos.v1.SaleService/CreateSale").await;
    assert_eq!(what, (Code::InvalidArgument, "INVALID".to_owned()));

    let itself = sqlx::query(
        "insert into approval (id, actor_id, approver_id, action, resource_id, expires_at)
         select id, id, id, 'x', 'x', now() from app_user limit 1",
    );
    let refused = itself.execute(&mut house.sql().await).await.unwrap_err();
    assert!(refused.to_string().contains("approval_approver_check"), "{refused}");
}

#[tokio::test]
async fn guesses_of_an_approvers_password_count_as_failed_sign_ins() {
    let house = open().await;
    hire(&house, "boss@shop.test", &["manager"]).await;
    hire(&house, "clerk@shop.test", &["sales_associate"]).await;
    let clerk = sign_in(&house, "clerk@shop.test").await;
    for _ in 0..5 {
        approve(&house, &clerk, "boss@shop.test", "a wrong one", VOID).await.unwrap_err();
    }
    let refused = approve(&house, &clerk, "boss@shop.test", PASSWORD, VOID).await.unwrap_err();
    assert_eq!(reason(&refused), "APPROVAL_REFUSED");
}

/// Refuses with this reason, so many times.
async fn refused(house: &House<Identity>, request: &pb::CreateApprovalRequest, token: &str, why: &str, times: usize) {
    for n in 0..times {
        let refused =
            ApprovalServiceClient::new(house.token(token)).create_approval(request.clone()).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, why), "{n}");
    }
}

/// Failed sign-ins that were recorded.
async fn recorded(house: &House<Identity>) -> i64 {
    sqlx::query_scalar("select count(*) from audit where subject_kind = 'sign_in' and after ? 'refused'")
        .fetch_one(&mut house.sql().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn who_may_not_approve_but_shows_who_he_is_is_locked_out_of_nothing() {
    let house = open().await;
    hire(&house, "clerk@shop.test", &["sales_associate"]).await;
    let eye = hire(&house, "eye@shop.test", &["viewer"]).await;
    let (device, pin) = (types::uuid::Uuid::now_v7().to_string(), "2580");
    let clerk = sign_in(&house, "clerk@shop.test").await;
    let request = pb::LoginRequest {
        email: "eye@shop.test".to_owned(),
        password: PASSWORD.to_owned(),
        device_id: Some(device.clone()),
        ..Default::default()
    };
    let eyes = AuthServiceClient::new(house.nobody()).login(request).await.unwrap().into_inner();
    let request = pb::SetPinRequest { pin: pin.to_owned(), current_password: PASSWORD.to_owned() };
    PinServiceClient::new(house.token(&eyes.access_token)).set_pin(request).await.unwrap();

    let by_pin = |pin: &str| pb::CreateApprovalRequest {
        action: VOID.to_owned(),
        resource_id: "a sale".to_owned(),
        employee_number: eye.employee_number.clone(),
        pin: Some(pin.to_owned()),
        device_id: Some(device.clone()),
        ..Default::default()
    };
    refused(&house, &by_pin("9371"), &clerk.access_token, "APPROVAL_REFUSED", 4).await;
    refused(&house, &by_pin(pin), &clerk.access_token, "APPROVER_LACKS_PERMISSION", 6).await;
    let own = pb::CreateApprovalRequest { action: "pos.v1.SaleService/VoidSale".to_owned(), ..by_pin(pin) };
    refused(&house, &own, &eyes.access_token, "APPROVER_IS_ACTOR", 6).await;
    let counted: (i32, i32) = sqlx::query_as("select p.failures, t.failures from pin p, till t")
        .fetch_one(&mut house.sql().await)
        .await
        .unwrap();
    assert_eq!(counted, (4, 4), "what failed before still counts");

    let by_password = pb::CreateApprovalRequest {
        action: VOID.to_owned(),
        resource_id: "a sale".to_owned(),
        email: Some("eye@shop.test".to_owned()),
        password: Some(PASSWORD.to_owned()),
        ..Default::default()
    };
    refused(&house, &by_password, &clerk.access_token, "APPROVER_LACKS_PERMISSION", 6).await;
    refused(&house, &by_password, &eyes.access_token, "APPROVER_IS_ACTOR", 6).await;
    assert_eq!(recorded(&house).await, 4, "and none of these failed");
    assert!(sign_in(&house, "eye@shop.test").await.expires_in > 0);
}
