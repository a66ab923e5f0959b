//! What changes of a user, and how soon it holds.

use identity::Identity;
use proto::identity::v1 as pb;
use proto::identity::v1::user_service_client::UserServiceClient;
use testing::{House, Voice};
use tonic::Code;

use crate::staff::{
    ALL, PASSWORD, after_seconds, archive, change, disable, enable, fill_role, give, hire, make_role, me, open, reason,
    refresh, sign_in, try_hire, try_sign_in, with_roles,
};

#[tokio::test]
async fn only_the_named_fields_of_a_user_change() {
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["viewer"]).await;
    let married = pb::User { last_name: " Quinn-Hall ".to_owned(), email: "x@y.test".to_owned(), ..user.clone() };
    let changed = change(house.user(&ALL), married, &["last_name"]).await.unwrap();
    assert_eq!((changed.last_name.as_str(), changed.email.as_str()), ("Quinn-Hall", "ada@shop.test"));
    assert_eq!((changed.roles.as_slice(), changed.etag.as_str()), (&["viewer".to_owned()][..], "2"));
    let told = house.events::<pb::UserChanged>().await;
    assert_eq!((told.len(), told[1].user.as_ref(), told[1].version), (2, Some(&changed), 2));

    let same = change(house.user(&ALL), changed.clone(), &["last_name", "email", "roles"]).await.unwrap();
    assert_eq!(same, changed, "nothing changed, so nothing is told");
    assert_eq!(house.events::<pb::UserChanged>().await.len(), 2);
    let stale = change(house.user_with(&ALL, &[("if-match", "1")]), changed.clone(), &["last_name"]).await;
    assert_eq!(reason(&stale.unwrap_err()), "USER_CHANGED");
    for fixed in ["id", "state", "permissions", "employee_number", "etag"] {
        let refused = change(house.user(&ALL), changed.clone(), &[fixed]).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{fixed}");
    }
    let nobody = pb::User { id: types::uuid::Uuid::now_v7().to_string(), ..changed };
    assert_eq!(reason(&change(house.user(&ALL), nobody, &["last_name"]).await.unwrap_err()), "USER_NOT_FOUND");
}

#[tokio::test]
async fn i1_an_address_belongs_to_one_live_user_and_is_given_back_by_one_who_is_gone() {
    let house = open().await;
    let ada = hire(&house, "ada@shop.test", &["viewer"]).await;
    let ben = hire(&house, "ben@shop.test", &["viewer"]).await;
    let renamed = pb::User { email: "ADA@shop.test".to_owned(), ..ben.clone() };
    let refused = change(house.user(&ALL), renamed.clone(), &["email"]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "EMAIL_TAKEN"));
    disable(&house, &ada.id).await.unwrap();
    assert_eq!(reason(&change(house.user(&ALL), renamed.clone(), &["email"]).await.unwrap_err()), "EMAIL_TAKEN");

    archive(&house, &ada.id).await.unwrap();
    assert_eq!(change(house.user(&ALL), renamed, &["email"]).await.unwrap().email, "ADA@shop.test");
    assert_eq!(sign_in(&house, "ada@shop.test").await.user.unwrap().id, ben.id);
    assert!(try_sign_in(&house, "ben@shop.test", PASSWORD).await.is_err());
}

#[tokio::test]
async fn everybody_gets_a_number_from_1001_on() {
    let house = open().await;
    let mut numbers = Vec::new();
    for n in 0..3 {
        numbers.push(hire(&house, &format!("user{n}@shop.test"), &["viewer"]).await.employee_number.unwrap());
    }
    assert_eq!(numbers, ["1001", "1002", "1003"]);
    let twice = sqlx::query("update app_user set employee_number = 1001").execute(&mut house.sql().await).await;
    assert!(twice.is_err(), "no two have the same");
    let request = pb::ListUsersRequest { q: "1002".to_owned(), ..Default::default() };
    let found = UserServiceClient::new(house.user(&["identity.view"])).list_users(request).await.unwrap().into_inner();
    assert_eq!(found.data.iter().map(|user| user.employee_number.as_deref()).collect::<Vec<_>>(), [Some("1002")]);
}

#[tokio::test]
async fn an_archived_user_is_gone_for_good() {
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["manager"]).await;
    let session = sign_in(&house, "ada@shop.test").await;
    let gone = archive(&house, &user.id).await.unwrap();
    assert_eq!((gone.state(), gone.roles.len(), gone.permissions.len()), (pb::user::State::Archived, 0, 0));
    assert_eq!(gone.employee_number, user.employee_number, "what was done under the number stays known");
    assert_eq!(me(&house, &session.access_token).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(reason(&refresh(&house, &session.refresh_token).await.unwrap_err()), "REFRESH_TOKEN_REFUSED");
    assert_eq!(reason(&try_sign_in(&house, "ada@shop.test", PASSWORD).await.unwrap_err()), "SIGN_IN_REFUSED");
    for refused in [
        archive(&house, &user.id).await,
        disable(&house, &user.id).await,
        enable(&house, &user.id).await,
        give(&house, &user.id, &["viewer"]).await,
    ] {
        assert_eq!(reason(&refused.unwrap_err()), "USER_ARCHIVED");
    }
    assert_eq!(house.events::<pb::SessionEnded>().await.len(), 1);
}

#[tokio::test]
async fn colleagues_are_those_who_may_sign_in() {
    let house = open().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(hire(&house, &format!("user{n}@shop.test"), &["viewer"]).await.id);
    }
    disable(&house, &ids[0]).await.unwrap();
    archive(&house, &ids[1]).await.unwrap();
    let mut anybody = UserServiceClient::new(house.user(&[]));
    let colleagues = anybody.list_all_users(pb::ListAllUsersRequest {}).await.unwrap().into_inner().data;
    assert_eq!(colleagues.iter().map(|user| &user.id).collect::<Vec<_>>(), [&ids[2]]);
    for (state, found) in [(pb::user::State::Active, 1), (pb::user::State::Disabled, 1), (pb::user::State::Archived, 1)]
    {
        let request = pb::ListUsersRequest { state: Some(state.into()), ..Default::default() };
        let listed = UserServiceClient::new(house.user(&ALL)).list_users(request).await.unwrap().into_inner();
        assert_eq!(listed.data.len(), found, "{state:?}");
    }
}

#[tokio::test]
async fn who_is_locked_out_by_failures_is_seen_and_let_in_again() {
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["viewer"]).await;
    hire(&house, "ben@shop.test", &["viewer"]).await;
    for _ in 0..5 {
        try_sign_in(&house, "ADA@shop.test", "not the password").await.unwrap_err();
    }
    let mut admin = UserServiceClient::new(house.user(&ALL));
    let listed = async |admin: &mut UserServiceClient<Voice>, state: pb::user::State| {
        let request = pb::ListUsersRequest { state: Some(state.into()), ..Default::default() };
        let data = admin.list_users(request).await.unwrap().into_inner().data;
        data.into_iter().map(|user| user.email).collect::<Vec<_>>()
    };
    assert_eq!(listed(&mut admin, pb::user::State::Locked).await, ["ada@shop.test"]);
    assert_eq!(listed(&mut admin, pb::user::State::Active).await, ["ben@shop.test"]);
    let get = pb::GetUserRequest { id: user.id.clone() };
    let locked = admin.get_user(get.clone()).await.unwrap().into_inner().user.unwrap();
    assert_eq!((locked.state(), locked.locked_until.is_some()), (pb::user::State::Locked, true));
    assert!(try_sign_in(&house, "ada@shop.test", PASSWORD).await.is_err());

    let unlock = pb::UnlockUserRequest { id: user.id.clone() };
    let unlocked = admin.unlock_user(unlock.clone()).await.unwrap().into_inner().user.unwrap();
    assert_eq!((unlocked.state(), unlocked.locked_until), (pb::user::State::Active, None));
    assert!(try_sign_in(&house, "ada@shop.test", PASSWORD).await.is_ok());
    let refused = admin.unlock_user(unlock).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "USER_NOT_LOCKED"));

    for _ in 0..5 {
        try_sign_in(&house, "ada@shop.test", "not the password").await.unwrap_err();
    }
    after_seconds(&house, 30);
    let over = admin.get_user(get).await.unwrap().into_inner().user.unwrap();
    assert_eq!((over.state(), over.locked_until), (pb::user::State::Active, None), "a lock ends by itself");
}

/// The tokens that somebody holds are refused here at once, and the next ones say what holds now.
async fn follows(house: &House<Identity>, session: &pb::LoginResponse, permissions: &[&str]) -> pb::LoginResponse {
    assert_eq!(me(house, &session.access_token).await.unwrap_err().code(), Code::Unauthenticated);
    let next = refresh(house, &session.refresh_token).await.unwrap();
    assert_eq!(next.user.as_ref().unwrap().permissions, permissions);
    assert_eq!(me(house, &next.access_token).await.unwrap().permissions, permissions);
    pb::LoginResponse { access_token: next.access_token, refresh_token: next.refresh_token, ..Default::default() }
}

#[tokio::test]
async fn another_role_holds_at_once_and_without_signing_in_again() {
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["technician"]).await;
    let other = hire(&house, "ben@shop.test", &["technician"]).await;
    let bystander = sign_in(&house, &other.email).await;
    let session = sign_in(&house, "ada@shop.test").await;
    give(&house, &user.id, &["technician", "sales_associate"]).await.unwrap();
    let session = follows(&house, &session, &["accounts.edit", "inventory.view", "pos.edit"]).await;
    give(&house, &user.id, &["technician"]).await.unwrap();
    follows(&house, &session, &["accounts.view", "inventory.view"]).await;
    assert!(house.events::<pb::SessionEnded>().await.is_empty());
    assert!(me(&house, &bystander.access_token).await.is_ok(), "nobody else is disturbed");
}

#[tokio::test]
async fn a_role_that_changes_changes_everybody_who_has_it() {
    let house = open().await;
    let role = make_role(house.user(&ALL), "tuner", &["repairs.edit"]).await.unwrap();
    let mut sessions = Vec::new();
    for n in 0..3 {
        hire(&house, &format!("tuner{n}@shop.test"), &["tuner"]).await;
        sessions.push(sign_in(&house, &format!("tuner{n}@shop.test")).await);
    }
    fill_role(house.user(&ALL), &role.id, &["repairs.admin", "pos.view"]).await.unwrap();
    for session in &sessions {
        follows(&house, session, &["pos.view", "repairs.admin"]).await;
    }
    let told = house.events::<pb::UserChanged>().await;
    assert_eq!(told.len(), 6, "the others hear what each may do now");
    assert!(told[3..].iter().all(|told| told.user.as_ref().unwrap().permissions == ["pos.view", "repairs.admin"]));
}

#[tokio::test]
async fn i3_nobody_gives_or_takes_over_what_he_lacks() {
    let house = open().await;
    let modest = || house.user(&["identity.admin", "pos.edit", "inventory.edit", "accounts.edit"]);
    let clerk = try_hire(modest(), "clerk@shop.test", &["sales_associate"], PASSWORD).await.unwrap();
    let boss = hire(&house, "boss@shop.test", &["manager"]).await;

    for roles in [&["admin"][..], &["sales_associate", "manager"], &["viewer"]] {
        let refused = change(modest(), with_roles(&clerk.id, roles), &["roles"]).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "RIGHTS_BEYOND_OWN"));
    }
    assert!(change(modest(), with_roles(&clerk.id, &["technician"]), &["roles"]).await.is_ok());
    assert!(change(modest(), with_roles(&boss.id, &["manager", "technician"]), &["roles"]).await.is_ok());
    let taken_over = pb::User { id: boss.id.clone(), email: "mine@shop.test".to_owned(), ..Default::default() };
    assert_eq!(reason(&change(modest(), taken_over, &["email"]).await.unwrap_err()), "RIGHTS_BEYOND_OWN");
    let renamed = pb::User { id: boss.id.clone(), first_name: "Bo".to_owned(), ..Default::default() };
    assert!(change(modest(), renamed, &["first_name"]).await.is_ok());

    assert_eq!(reason(&make_role(modest(), "wizard", &["ledger.view"]).await.unwrap_err()), "RIGHTS_BEYOND_OWN");
    let own = make_role(modest(), "helper", &["pos.edit"]).await.unwrap();
    assert_eq!(reason(&fill_role(modest(), &own.id, &["pos.admin"]).await.unwrap_err()), "RIGHTS_BEYOND_OWN");
    let books = make_role(house.user(&ALL), "books", &["ledger.edit"]).await.unwrap();
    assert!(fill_role(modest(), &books.id, &["ledger.view", "pos.edit"]).await.is_ok(), "less is not given");
    assert_eq!(reason(&fill_role(modest(), &books.id, &["ledger.edit"]).await.unwrap_err()), "RIGHTS_BEYOND_OWN");

    let mut sql = house.sql().await;
    let twice = sqlx::query("insert into user_role select user_id, role_id from user_role").execute(&mut sql).await;
    assert!(twice.is_err(), "and a role is given once");
}

#[tokio::test]
async fn i3_a_role_that_grows_while_it_is_given_gives_nobody_more_than_the_giver_has() {
    let house = std::sync::Arc::new(open().await);
    let role = make_role(house.user(&ALL), "growing", &["pos.view"]).await.unwrap();
    for round in 0..20 {
        fill_role(house.user(&ALL), &role.id, &["pos.view"]).await.unwrap();
        let user = hire(&house, &format!("user{round}@shop.test"), &["instructor"]).await;
        let giver = house.user(&["identity.admin", "accounts.view", "pos.view"]);
        let given = change(giver, with_roles(&user.id, &["instructor", "growing"]), &["roles"]);
        let (given, _) = tokio::join!(given, fill_role(house.user(&ALL), &role.id, &["ledger.admin"]));
        let held = match given {
            Ok(given) => given.permissions,
            Err(refused) => {
                assert_eq!(reason(&refused), "RIGHTS_BEYOND_OWN", "round {round}");
                continue;
            }
        };
        assert_eq!(held, ["accounts.view", "pos.view"], "round {round}: what was given is what was looked at");
    }
}
