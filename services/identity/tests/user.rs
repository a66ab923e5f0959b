//! Users.

use std::sync::Arc;

use identity::Identity;
use proto::identity::v1 as pb;
use proto::identity::v1::auth_service_client::AuthServiceClient;
use proto::identity::v1::password_service_client::PasswordServiceClient;
use proto::identity::v1::user_service_client::UserServiceClient;
use testing::{House, eventually, list_behaves};
use tonic::Code;

use crate::staff::{
    ALL, PASSWORD, change, disable, enable, hire, me, open, reason, refresh, sign_in, try_hire, try_sign_in,
};

#[tokio::test]
async fn every_rpc_refuses_whom_it_must() {
    open().await.refuses_whom_it_must().await;
}

#[tokio::test]
async fn a_card_number_is_refused_in_every_text() {
    open().await.refuses_card_numbers(250).await;
}

#[tokio::test]
async fn a_new_user_is_told_recorded_and_can_sign_in() {
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["manager"]).await;
    assert_eq!((user.state(), user.etag.as_str()), (pb::user::State::Active, "1"));
    let told = house.events::<pb::UserChanged>().await;
    assert_eq!((told.len(), told[0].user.as_ref(), told[0].version), (1, Some(&user), 1));
    let signed_in = sign_in(&house, "ada@shop.test").await;
    assert_eq!(signed_in.user.as_ref(), Some(&user));
    assert_eq!(me(&house, &signed_in.access_token).await.unwrap(), user);
    let audited = house.audited().await;
    assert!(audited.contains(&("identity.v1.UserService/CreateUser".to_owned(), "user".to_owned())), "{audited:?}");
}

#[tokio::test]
async fn no_password_and_no_token_is_left_in_a_record() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["manager"]).await;
    let request =
        pb::LoginRequest { email: "ada@shop.test".to_owned(), password: PASSWORD.to_owned(), ..Default::default() };
    let mut repeated = AuthServiceClient::new(house.user_with(&[], &[("idempotency-key", "once")]));
    let signed_in = repeated.login(request.clone()).await.unwrap().into_inner();
    let once_more = repeated.login(request).await.unwrap().into_inner();
    assert_ne!(signed_in.refresh_token, once_more.refresh_token, "an answer with secrets is not kept for repeats");
    try_sign_in(&house, "ada@shop.test", "a wrong violin").await.unwrap_err();
    let mut sql = house.sql().await;
    for secret in [PASSWORD, "a wrong violin", &signed_in.refresh_token, &signed_in.access_token] {
        let found: i64 = sqlx::query_scalar(
            "select (select count(*) from audit where after::text like $1) +
                    (select count(*) from outbox where encode(body, 'escape') like $1) +
                    (select count(*) from refresh_token where encode(hash, 'escape') like $1) +
                    (select count(*) from idempotency)",
        )
        .bind(format!("%{secret}%"))
        .fetch_one(&mut sql)
        .await
        .unwrap();
        assert_eq!(found, 0);
    }
}

#[tokio::test]
async fn an_address_signs_in_one_user_whatever_its_case() {
    let house = open().await;
    hire(&house, "Ada@Shop.test", &["viewer"]).await;
    let refused = try_hire(house.user(&ALL), "aDA@shop.TEST", &["viewer"], PASSWORD).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "EMAIL_TAKEN"));
    assert_eq!(sign_in(&house, "ADA@SHOP.TEST").await.user.unwrap().email, "Ada@Shop.test");
}

#[tokio::test]
async fn twenty_at_once_take_one_address_once() {
    let house = open().await;
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..20 {
        let email = if n % 2 == 0 { "twin@shop.test" } else { "TWIN@shop.test" };
        tries.spawn(try_hire(house.user(&ALL), email, &["viewer"], PASSWORD));
    }
    let done = tries.join_all().await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1);
    assert!(done.iter().flat_map(|done| done.as_ref().err()).all(|refused| reason(refused) == "EMAIL_TAKEN"));
}

#[tokio::test]
async fn nobody_gives_rights_that_he_lacks() {
    let house = open().await;
    let modest = || house.user(&["identity.admin", "pos.edit", "inventory.edit", "accounts.edit"]);
    assert!(try_hire(modest(), "clerk@shop.test", &["sales_associate"], PASSWORD).await.is_ok());
    for role in ["admin", "manager", "viewer"] {
        let refused = try_hire(modest(), "new@shop.test", &["sales_associate", role], PASSWORD).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::PermissionDenied, "RIGHTS_BEYOND_OWN"),
            "{role}"
        );
    }
    let user = hire(&house, "manager@shop.test", &["manager"]).await;
    disable(&house, &user.id).await.unwrap();
    let request = pb::EnableUserRequest { id: user.id.clone() };
    let refused = UserServiceClient::new(modest()).enable_user(request).await.unwrap_err();
    assert_eq!(reason(&refused), "RIGHTS_BEYOND_OWN", "whoever enables gives rights too");
}

#[tokio::test]
async fn an_unknown_role_and_a_common_password_are_refused() {
    let house = open().await;
    let refused = try_hire(house.user(&ALL), "a@shop.test", &["viewer", "wizard"], PASSWORD).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID"));
    for (password, why) in [("Password1", "PASSWORD_TOO_COMMON"), ("short77", "INVALID"), ("", "INVALID")] {
        let refused = try_hire(house.user(&ALL), "a@shop.test", &["viewer"], password).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, why), "{password}");
    }
    let twice = try_hire(house.user(&ALL), "a@shop.test", &["viewer", "viewer"], PASSWORD).await.unwrap();
    assert_eq!(twice.roles, ["viewer"]);
}

#[tokio::test]
async fn e8_a_disabled_user_is_out_at_once_and_an_enabled_one_may_return() {
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["manager"]).await;
    let phone = sign_in(&house, "ada@shop.test").await;
    let till = sign_in(&house, "ada@shop.test").await;
    let disabled = disable(&house, &user.id).await.unwrap();
    assert_eq!((disabled.state(), disabled.etag.as_str()), (pb::user::State::Disabled, "2"));
    for session in [&phone, &till] {
        assert_eq!(me(&house, &session.access_token).await.unwrap_err().code(), Code::Unauthenticated);
        assert_eq!(reason(&refresh(&house, &session.refresh_token).await.unwrap_err()), "REFRESH_TOKEN_REFUSED");
    }
    assert_eq!(reason(&try_sign_in(&house, "ada@shop.test", PASSWORD).await.unwrap_err()), "SIGN_IN_REFUSED");
    assert_eq!(house.events::<pb::SessionEnded>().await.len(), 2);
    assert_eq!(reason(&disable(&house, &user.id).await.unwrap_err()), "USER_DISABLED");

    enable(&house, &user.id).await.unwrap();
    assert_eq!(reason(&enable(&house, &user.id).await.unwrap_err()), "USER_ACTIVE");
    let back = sign_in(&house, "ada@shop.test").await;
    assert!(me(&house, &back.access_token).await.is_ok());
    assert!(me(&house, &phone.access_token).await.is_err(), "the old sessions stay ended");
    let versions: Vec<i64> = house.events::<pb::UserChanged>().await.iter().map(|told| told.version).collect();
    assert_eq!(versions, [1, 2, 3]);
}

#[tokio::test]
async fn no_session_survives_a_disabling_that_it_raced_with() {
    let house = Arc::new(open().await);
    let user = hire(&house, "ada@shop.test", &["viewer"]).await;
    let mut sql = house.sql().await;
    for round in 0..5 {
        // Whoever writes a session is held up, until a sign-in is about to and a disabling has come in.
        sqlx::raw_sql("begin; lock table session in share mode").execute(&mut sql).await.unwrap();
        let begun = Arc::clone(&house);
        let signing_in = kit::task::spawn(async move { sign_in(&begun, "ada@shop.test").await });
        waiting(&house, 1).await;
        let (disabler, id) = (Arc::clone(&house), user.id.clone());
        let disabling = kit::task::spawn(async move { disable(&disabler, &id).await });
        waiting(&house, 2).await;
        sqlx::raw_sql("rollback").execute(&mut sql).await.unwrap();

        let session = signing_in.await.unwrap();
        disabling.await.unwrap().unwrap();
        assert!(me(&house, &session.access_token).await.is_err(), "round {round}");
        assert!(refresh(&house, &session.refresh_token).await.is_err(), "round {round}");
        enable(&house, &user.id).await.unwrap();
    }
}

/// Waits until so many wait for a lock in this database.
async fn waiting(house: &House<Identity>, count: i64) {
    eventually("others wait for a lock", || async {
        let waiting = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        let waiting: i64 = waiting.fetch_one(&mut house.sql().await).await.unwrap();
        (waiting == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_old_etag_of_a_user_is_refused() {
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["viewer"]).await;
    let request = pb::DisableUserRequest { id: user.id.clone() };
    let mut stale = UserServiceClient::new(house.user_with(&ALL, &[("if-match", "7")]));
    assert_eq!(reason(&stale.disable_user(request.clone()).await.unwrap_err()), "USER_CHANGED");
    let mut current = UserServiceClient::new(house.user_with(&ALL, &[("if-match", "1")]));
    assert!(current.disable_user(request).await.is_ok());
}

#[tokio::test]
async fn the_list_of_users_behaves() {
    let house = open().await;
    for n in 0..4 {
        hire(&house, &format!("user{n}@shop.test"), &[if n == 0 { "technician" } else { "viewer" }]).await;
    }
    list_behaves(house.user(&["identity.view"]), "identity.v1.UserService/ListUsers", &[]).await;
    let mut viewer = UserServiceClient::new(house.user(&["identity.view"]));
    for sort in ["", "lastName", "first_name", "email", "employeeNumber", "state", "createdAt", "updated_at"] {
        let request = pb::ListUsersRequest { sort: sort.to_owned(), q: "ADA qui".to_owned(), ..Default::default() };
        assert_eq!(viewer.list_users(request).await.unwrap().into_inner().data.len(), 4, "{sort}");
    }
    for (role, found) in [("technician", 1), ("viewer", 3), ("wizard", 0)] {
        let request = pb::ListUsersRequest { role: Some(role.to_owned()), ..Default::default() };
        let answer = viewer.list_users(request).await.unwrap().into_inner();
        assert_eq!(answer.pagination.unwrap().total, found, "{role}");
    }
    let missing = pb::GetUserRequest { id: types::uuid::Uuid::now_v7().to_string() };
    assert_eq!(reason(&viewer.get_user(missing).await.unwrap_err()), "USER_NOT_FOUND");
}

#[tokio::test]
async fn a_name_stands_on_one_line() {
    let house = open().await;
    let person = |first_name: &str| pb::CreateUserRequest {
        email: "ada@shop.test".to_owned(),
        first_name: first_name.to_owned(),
        last_name: "Quinn".to_owned(),
        roles: vec!["viewer".to_owned()],
        password: None,
    };
    let mut admin = UserServiceClient::new(house.user(&ALL));
    for bad in ["A\r\nBcc: evil@x.y", "A\u{202e}B", "\u{7}Ada", "   "] {
        let refused = admin.create_user(person(bad)).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID"), "{bad:?}");
    }
    let ada = admin.create_user(person(" Ada ")).await.unwrap().into_inner().user.unwrap();
    assert_eq!(ada.first_name, "Ada");
    let renamed = pb::User { last_name: "Q\nX".to_owned(), ..ada };
    let refused = change(house.user(&ALL), renamed, &["last_name"]).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID");
}

#[tokio::test]
async fn e7_a_password_that_stands_around_somebody_is_refused() {
    let house = open().await;
    for bad in ["ada@shop.test", "AdaQuinn1!", "Test Strings", "lunarfront", "Summer2024!", "P@ssword1"] {
        let refused = try_hire(house.user(&ALL), "ada@shop.test", &["viewer"], bad).await.unwrap_err();
        assert_eq!(reason(&refused), "PASSWORD_TOO_COMMON", "{bad}");
    }
    let invited = crate::staff::invite(&house, "ida@shop.test", &["viewer"]).await;
    let token = crate::staff::token_of_letter(&house, &invited.email).await;
    assert_eq!(reason(&crate::staff::accept(&house, &token, "Ida Berg 1").await.unwrap_err()), "PASSWORD_TOO_COMMON");
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let own = sign_in(&house, "ada@shop.test").await.access_token;
    let request = pb::ChangePasswordRequest {
        current_password: PASSWORD.to_owned(),
        password: "quinn-ada-26".to_owned(),
        ..Default::default()
    };
    let refused = PasswordServiceClient::new(house.token(&own)).change_password(request).await.unwrap_err();
    assert_eq!(reason(&refused), "PASSWORD_TOO_COMMON");
    assert!(try_hire(house.user(&ALL), "b@shop.test", &["viewer"], "plum violin kettle orbit").await.is_ok());
}
