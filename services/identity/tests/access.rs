//! Why somebody may do something, or may not.

use identity::Identity;
use proto::identity::v1 as pb;
use proto::identity::v1::access_service_client::AccessServiceClient;
use proto::identity::v1::auth_service_client::AuthServiceClient;
use proto::identity::v1::explanation::Rule;
use proto::identity::v1::pin_service_client::PinServiceClient;
use proto::identity::v1::user_service_client::UserServiceClient;
use testing::House;
use tonic::{Code, Status};
use types::uuid::Uuid;

use crate::staff::{ALL, PASSWORD, disable, hire, make_role, me, open, sign_in};

async fn why(house: &House<Identity>, id: &str, permission: &str) -> pb::Explanation {
    let request = pb::ExplainAccessRequest { id: id.to_owned(), permission: Some(permission.to_owned()), rpc: None };
    let mut viewer = AccessServiceClient::new(house.user(&["identity.view"]));
    viewer.explain_access(request).await.unwrap().into_inner().explanation.unwrap()
}

async fn why_me(house: &House<Identity>, token: &str, rpc: &str) -> Result<pb::Explanation, Status> {
    let request = pb::ExplainOwnAccessRequest { permission: None, rpc: Some(rpc.to_owned()) };
    let answer = AccessServiceClient::new(house.token(token)).explain_own_access(request).await?;
    Ok(answer.into_inner().explanation.unwrap())
}

fn grants(grants: &[pb::Grant]) -> Vec<(&str, &str)> {
    grants.iter().map(|grant| (grant.role.as_str(), grant.permission.as_str())).collect()
}

#[tokio::test]
async fn it_is_explained_which_role_allows_and_which_would() {
    let house = open().await;
    make_role(house.user(&ALL), "tuner", &["pos.edit"]).await.unwrap();
    let user = hire(&house, "ada@shop.test", &["manager", "tuner"]).await;
    let may = why(&house, &user.id, "pos.edit").await;
    assert_eq!((may.allowed, may.rule(), may.state()), (true, Rule::Role, pb::user::State::Active));
    assert_eq!(grants(&may.granted_by), [("manager", "pos.admin"), ("tuner", "pos.edit")]);
    assert_eq!(grants(&may.would_be_granted_by), [("admin", "pos.admin"), ("sales_associate", "pos.edit")]);
    assert_eq!(may.reason, "the role manager holds pos.admin, which includes pos.edit; the role tuner holds pos.edit");

    let may_not = why(&house, &user.id, "ledger.edit").await;
    assert_eq!((may_not.allowed, may_not.rule()), (false, Rule::NoRole));
    assert_eq!(grants(&may_not.granted_by), []);
    assert_eq!(grants(&may_not.would_be_granted_by), [("admin", "ledger.admin")]);
    assert!(may_not.reason.contains("(manager, tuner)") && may_not.reason.ends_with("these do: admin"));

    disable(&house, &user.id).await.unwrap();
    let gone = why(&house, &user.id, "pos.edit").await;
    assert_eq!((gone.allowed, gone.rule(), gone.state()), (false, Rule::NotActive, pb::user::State::Disabled));
    assert_eq!(grants(&gone.granted_by).len(), 2, "what the roles would allow is still said");
}

#[tokio::test]
async fn whoever_is_signed_in_may_ask_about_himself() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["sales_associate"]).await;
    let token = sign_in(&house, "ada@shop.test").await.access_token;
    for (rpc, allowed, rule, permission) in [
        ("pos.v1.SaleService/GetSale", true, Rule::Role, Some("pos.view")),
        ("identity.v1.UserService/ListUsers", false, Rule::NoRole, Some("identity.view")),
        ("identity.v1.AuthService/GetMe", true, Rule::SignedIn, None),
        ("identity.v1.AuthService/Login", true, Rule::Public, None),
        ("identity.v1.TrustService/GetTrust", false, Rule::Services, None),
    ] {
        let why = why_me(&house, &token, rpc).await.unwrap();
        assert_eq!((why.allowed, why.rule(), why.permission.as_deref()), (allowed, rule, permission), "{rpc}");
    }
    assert_eq!(why_me(&house, &token, "pos.v1.SaleService/Fly").await.unwrap_err().code(), Code::InvalidArgument);
    let mut me_asking = AccessServiceClient::new(house.token(&token));
    for (permission, rpc) in [(None, None), (Some("pos.fly"), None), (Some("pos.view"), Some("pos.v1.X/Y"))] {
        let request =
            pb::ExplainOwnAccessRequest { permission: permission.map(str::to_owned), rpc: rpc.map(str::to_owned) };
        assert_eq!(me_asking.explain_own_access(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
}

/// Case E5: bits view 1, add 2, edit 4, delete 8. Whoever may add or edit has our `edit`, whoever may delete `admin`;
/// each includes what is below, so that 6 says edit and add, and view is implied.
fn word(domain: &str, bits: u8) -> Option<String> {
    let action = match bits {
        0 => return None,
        1 => "view",
        2..=7 => "edit",
        _ => "admin",
    };
    Some(format!("{domain}.{action}"))
}

#[tokio::test]
async fn e5_each_role_can_what_the_matrix_says_and_nothing_else() {
    // Appointments, customers, services, users, and what the system does.
    const DOMAINS: [&str; 5] = ["scheduling", "accounts", "inventory", "identity", "audit"];
    let house = open().await;
    for (role, bits) in [
        ("owner", [15, 15, 15, 15, 15]),
        ("provider", [15, 15, 0, 0, 0]),
        ("secretary", [15, 15, 0, 0, 0]),
        ("customer", [0, 0, 0, 0, 0]),
        ("six", [6, 6, 6, 6, 6]),
        ("one", [1, 0, 1, 0, 1]),
    ] {
        let words: Vec<String> = DOMAINS.iter().zip(bits).filter_map(|(domain, bits)| word(domain, bits)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        make_role(house.user(&ALL), role, &words).await.unwrap();
        let user = hire(&house, &format!("{role}@shop.test"), &[role]).await;
        let told = me(&house, &sign_in(&house, &user.email).await.access_token).await.unwrap().permissions;
        for (domain, bits) in DOMAINS.iter().zip(bits) {
            for (action, needs) in [("view", 15), ("edit", 6), ("admin", 8)] {
                let allowed = bits & needs != 0;
                let explained = why(&house, &user.id, &format!("{domain}.{action}")).await;
                assert_eq!(explained.allowed, allowed, "{role} {domain}.{action}");
                let held = kit::Permissions::of(told.iter().map(String::as_str));
                assert_eq!(held.allow(&format!("{domain}.{action}")), allowed, "{role} {domain}.{action}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_explained_is_what_the_door_does() {
    let house = open().await;
    let ada = hire(&house, "ada@shop.test", &["admin"]).await;
    let till = Uuid::now_v7().to_string();
    let request = pb::LoginRequest {
        email: ada.email.clone(),
        password: PASSWORD.to_owned(),
        device_id: Some(till.clone()),
        ..Default::default()
    };
    let full = AuthServiceClient::new(house.nobody()).login(request).await.unwrap().into_inner().access_token;
    let request = pb::SetPinRequest { pin: "2580".to_owned(), current_password: PASSWORD.to_owned() };
    PinServiceClient::new(house.token(&full)).set_pin(request).await.unwrap();
    let number = ada.employee_number.clone().unwrap();
    let request = pb::PinLoginRequest { employee_number: number, pin: "2580".to_owned(), device_id: till };
    let by_pin = PinServiceClient::new(house.nobody()).pin_login(request).await.unwrap().into_inner().access_token;
    for (rpc, token, allowed, rule) in [
        ("identity.v1.UserService/ListUsers", &full, true, Rule::Role),
        ("identity.v1.UserService/ListUsers", &by_pin, false, Rule::FullSignIn),
        ("identity.v1.PinService/RemovePin", &full, true, Rule::SignedIn),
        ("identity.v1.PinService/RemovePin", &by_pin, false, Rule::FullSignIn),
        ("pos.v1.SaleService/VoidSale", &by_pin, true, Rule::Role),
    ] {
        let why = why_me(&house, token, rpc).await.unwrap();
        assert_eq!((why.allowed, why.rule()), (allowed, rule), "{rpc}: {}", why.reason);
    }
    let listed = UserServiceClient::new(house.token(&by_pin)).list_users(pb::ListUsersRequest::default()).await;
    assert_eq!(listed.unwrap_err().code(), Code::PermissionDenied);
    let request = pb::ExplainOwnAccessRequest { permission: Some("identity.view".to_owned()), rpc: None };
    let word = AccessServiceClient::new(house.token(&by_pin)).explain_own_access(request).await.unwrap().into_inner();
    assert_eq!(word.explanation.unwrap().rule(), Rule::FullSignIn);

    let about = async |id: &str, rpc: &str| {
        let request = pb::ExplainAccessRequest { id: id.to_owned(), permission: None, rpc: Some(rpc.to_owned()) };
        let mut viewer = AccessServiceClient::new(house.user(&["identity.view"]));
        viewer.explain_access(request).await.unwrap().into_inner().explanation.unwrap()
    };
    let customer = crate::portal::customer(&house).await;
    for (rpc, allowed, rule) in [
        ("identity.v1.UserService/ListAllUsers", false, Rule::StaffOnly),
        ("identity.v1.AuthService/GetMe", true, Rule::SignedIn),
        ("pos.v1.SaleService/GetSale", false, Rule::NoRole),
    ] {
        let why = about(&customer.id, rpc).await;
        assert_eq!((why.allowed, why.rule()), (allowed, rule), "{rpc}: {}", why.reason);
    }
    let clerk = hire(&house, "clerk@shop.test", &["sales_associate"]).await;
    let void = about(&clerk.id, "pos.v1.SaleService/VoidSale").await;
    assert_eq!((void.allowed, void.rule(), void.permission.as_deref()), (true, Rule::Approval, Some("pos.edit")));
    let said = "the role sales_associate holds pos.edit; but some of it needs pos.admin, or the approval of somebody who holds it";
    assert_eq!(void.reason, said);
}
