//! The shop of the tests: how it opens, hires and signs in.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use identity::{Identity, Settings};
use kit::config::Secret;
use proto::identity::v1 as pb;
use proto::identity::v1::auth_service_client::AuthServiceClient;
use proto::identity::v1::invitation_service_client::InvitationServiceClient;
use proto::identity::v1::role_service_client::RoleServiceClient;
use proto::identity::v1::user_service_client::UserServiceClient;
use testing::{AUDIENCE, Builder, House, ISSUER, Keys, Voice};
use tonic::Status;
use tonic_types::StatusExt;

pub(crate) const PASSWORD: &str = "a violin in the rain";
pub(crate) const ALL: [&str; 9] = [
    "identity.admin",
    "accounts.admin",
    "inventory.admin",
    "pos.admin",
    "ledger.admin",
    "audit.admin",
    "rentals.admin",
    "scheduling.admin",
    "repairs.admin",
];

/// Settings under which the house's own user tokens hold beside those that identity signs.
pub(crate) fn settings(keys: &Keys) -> Settings {
    let (kid, x) = keys.jwk();
    let token_key = Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
    Settings {
        token_key: Secret::new(STANDARD.encode(token_key.as_ref())),
        token_keys_also: format!("{kid}={x}"),
        field_key: testing::field_key(),
        refresh_key: Secret::new(STANDARD.encode([7; 32])),
        token_issuer: ISSUER.to_owned(),
        token_audience: AUDIENCE.to_owned(),
        initial_user_email: String::new(),
        initial_user_first_name: String::new(),
        initial_user_last_name: String::new(),
        initial_user_password: None,
        shop_name: "Test Strings".to_owned(),
        shop_currency: "USD".to_owned(),
        shop_time_zone: "America/Chicago".to_owned(),
        shop_country: "US".to_owned(),
        sign_in_tries_per_email: 5,
        sign_in_tries_per_ip: 20,
        web_url: "https://shop.test".to_owned(),
        mail_url: Secret::new(format!("file:{}", std::env::temp_dir().join("identity-letters").display())),
        mail_from: "Shop <shop@shop.test>".to_owned(),
        breached_passwords_file: None,
    }
}

pub(crate) async fn open() -> House<Identity> {
    let builder = Builder::default().at("2026-11-21T12:00:00Z");
    let settings = settings(&builder.keys());
    builder.open(settings).await
}

/// Somebody new with these roles, and the password of the tests.
pub(crate) async fn hire(house: &House<Identity>, email: &str, roles: &[&str]) -> pb::User {
    try_hire(house.user(&ALL), email, roles, PASSWORD).await.unwrap()
}

pub(crate) async fn try_hire(voice: Voice, email: &str, roles: &[&str], password: &str) -> Result<pb::User, Status> {
    let request = pb::CreateUserRequest {
        email: email.to_owned(),
        first_name: "Ada".to_owned(),
        last_name: "Quinn".to_owned(),
        roles: roles.iter().map(|slug| (*slug).to_owned()).collect(),
        password: Some(password.to_owned()),
    };
    Ok(UserServiceClient::new(voice).create_user(request).await?.into_inner().user.unwrap())
}

/// Somebody who is to choose his password himself.
pub(crate) async fn invite(house: &House<Identity>, email: &str, roles: &[&str]) -> pb::User {
    let request = pb::CreateUserRequest {
        email: email.to_owned(),
        first_name: "Ida".to_owned(),
        last_name: "Berg".to_owned(),
        roles: roles.iter().map(|slug| (*slug).to_owned()).collect(),
        password: None,
    };
    let mut admin = UserServiceClient::new(house.user(&ALL));
    admin.create_user(request).await.unwrap().into_inner().user.unwrap()
}

/// The token of the last letter to an address.
pub(crate) async fn token_of_letter(house: &House<Identity>, email: &str) -> String {
    let body: String = sqlx::query_scalar("select body from mail where recipient = $1 order by id desc limit 1")
        .bind(email)
        .fetch_one(&mut house.sql().await)
        .await
        .unwrap();
    let (_, token) = body.split_once("https://shop.test/accept-invitation#token=").unwrap();
    token.split_whitespace().next().unwrap().to_owned()
}

pub(crate) async fn accept(house: &House<Identity>, token: &str, password: &str) -> Result<String, Status> {
    let request = pb::AcceptInvitationRequest { token: token.to_owned(), password: password.to_owned() };
    Ok(InvitationServiceClient::new(house.nobody()).accept_invitation(request).await?.into_inner().email)
}

pub(crate) async fn disable(house: &House<Identity>, id: &str) -> Result<pb::User, Status> {
    let request = pb::DisableUserRequest { id: id.to_owned() };
    Ok(UserServiceClient::new(house.user(&ALL)).disable_user(request).await?.into_inner().user.unwrap())
}

pub(crate) async fn enable(house: &House<Identity>, id: &str) -> Result<pb::User, Status> {
    let request = pb::EnableUserRequest { id: id.to_owned() };
    Ok(UserServiceClient::new(house.user(&ALL)).enable_user(request).await?.into_inner().user.unwrap())
}

pub(crate) async fn archive(house: &House<Identity>, id: &str) -> Result<pb::User, Status> {
    let request = pb::ArchiveUserRequest { id: id.to_owned() };
    Ok(UserServiceClient::new(house.user(&ALL)).archive_user(request).await?.into_inner().user.unwrap())
}

/// Changes the named fields of a user.
pub(crate) async fn change(voice: Voice, user: pb::User, fields: &[&str]) -> Result<pb::User, Status> {
    let request = pb::UpdateUserRequest { user: Some(user), update_mask: Some(mask(fields)) };
    Ok(UserServiceClient::new(voice).update_user(request).await?.into_inner().user.unwrap())
}

/// Gives these roles and no others.
pub(crate) async fn give(house: &House<Identity>, id: &str, roles: &[&str]) -> Result<pb::User, Status> {
    change(house.user(&ALL), with_roles(id, roles), &["roles"]).await
}

pub(crate) fn with_roles(id: &str, roles: &[&str]) -> pb::User {
    let roles = roles.iter().map(|slug| (*slug).to_owned()).collect();
    pb::User { id: id.to_owned(), roles, ..pb::User::default() }
}

pub(crate) fn mask(fields: &[&str]) -> prost_types::FieldMask {
    prost_types::FieldMask { paths: fields.iter().map(|field| (*field).to_owned()).collect() }
}

/// A role of the shop's own.
pub(crate) async fn make_role(voice: Voice, slug: &str, permissions: &[&str]) -> Result<pb::Role, Status> {
    let permissions = permissions.iter().map(|word| (*word).to_owned()).collect();
    let role = pb::Role { slug: slug.to_owned(), name: slug.to_owned(), permissions, ..pb::Role::default() };
    let request = pb::CreateRoleRequest { role: Some(role) };
    Ok(RoleServiceClient::new(voice).create_role(request).await?.into_inner().role.unwrap())
}

/// What the role holds from now on.
pub(crate) async fn fill_role(voice: Voice, id: &str, permissions: &[&str]) -> Result<pb::Role, Status> {
    let permissions = permissions.iter().map(|word| (*word).to_owned()).collect();
    let role = pb::Role { id: id.to_owned(), permissions, ..pb::Role::default() };
    let request = pb::UpdateRoleRequest { role: Some(role), update_mask: Some(mask(&["permissions"])) };
    Ok(RoleServiceClient::new(voice).update_role(request).await?.into_inner().role.unwrap())
}

pub(crate) async fn sign_in(house: &House<Identity>, email: &str) -> pb::LoginResponse {
    try_sign_in(house, email, PASSWORD).await.unwrap()
}

pub(crate) async fn try_sign_in(
    house: &House<Identity>,
    email: &str,
    password: &str,
) -> Result<pb::LoginResponse, Status> {
    let request = pb::LoginRequest { email: email.to_owned(), password: password.to_owned(), ..Default::default() };
    Ok(AuthServiceClient::new(house.nobody()).login(request).await?.into_inner())
}

pub(crate) async fn refresh(house: &House<Identity>, token: &str) -> Result<pb::RefreshResponse, Status> {
    let request = pb::RefreshRequest { refresh_token: token.to_owned() };
    Ok(AuthServiceClient::new(house.nobody()).refresh(request).await?.into_inner())
}

/// Who the token says that one is, if it holds.
pub(crate) async fn me(house: &House<Identity>, access_token: &str) -> Result<pb::User, Status> {
    let mut client = AuthServiceClient::new(house.token(access_token));
    Ok(client.get_me(pb::GetMeRequest {}).await?.into_inner().user.unwrap())
}

/// The reason of a refusal, as clients see it.
pub(crate) fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

pub(crate) fn after_seconds(house: &House<Identity>, seconds: i64) {
    house.clock.set(house.clock.now() + chrono::TimeDelta::seconds(seconds));
}

/// How long an access token lives, in seconds.
pub(crate) fn lifetime(token: &str) -> i64 {
    let part = token.split('.').nth(1).unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
}
