//! API keys: what programs sign in with.

use identity::Identity;
use proto::identity::v1 as pb;
use proto::identity::v1::api_key_service_client::ApiKeyServiceClient;
use proto::identity::v1::location_service_client::LocationServiceClient;
use proto::identity::v1::user_service_client::UserServiceClient;
use testing::{House, Voice, list_behaves};
use tonic::{Code, Status};

use crate::staff::{ALL, after_seconds, archive, disable, enable, give, hire, lifetime, me, open, reason, sign_in};

const DAY: i64 = 86_400;

async fn make(voice: Voice, name: &str, permissions: &[&str]) -> Result<pb::ApiKey, Status> {
    let request = pb::CreateApiKeyRequest {
        name: name.to_owned(),
        permissions: permissions.iter().map(|word| (*word).to_owned()).collect(),
        valid_days: 30,
    };
    Ok(ApiKeyServiceClient::new(voice).create_api_key(request).await?.into_inner().api_key.unwrap())
}

async fn exchange(house: &House<Identity>, secret: &str) -> Result<pb::ExchangeApiKeyResponse, Status> {
    let request = pb::ExchangeApiKeyRequest { api_key: secret.to_owned() };
    Ok(ApiKeyServiceClient::new(house.nobody()).exchange_api_key(request).await?.into_inner())
}

async fn revoke(house: &House<Identity>, id: &str) -> Result<pb::ApiKey, Status> {
    let request = pb::RevokeApiKeyRequest { id: id.to_owned() };
    Ok(ApiKeyServiceClient::new(house.user(&ALL)).revoke_api_key(request).await?.into_inner().api_key.unwrap())
}

/// Whether the token still lets one see who works here.
async fn sees_staff(house: &House<Identity>, token: &str) -> Result<(), Status> {
    let mut client = UserServiceClient::new(house.token(token));
    client.list_users(pb::ListUsersRequest::default()).await.map(|_| ())
}

/// Somebody who may make keys, and how he speaks.
async fn maker(house: &House<Identity>) -> (pb::User, Voice) {
    let user = hire(house, "ada@shop.test", &["admin"]).await;
    hire(house, "other@shop.test", &["admin"]).await;
    let token = sign_in(house, "ada@shop.test").await.access_token;
    (user, house.token(&token))
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_what_it_is_for() {
    let house = open().await;
    let (user, ada) = maker(&house).await;
    let key = make(ada, " Webshop ", &["identity.view", "pos.edit"]).await.unwrap();
    let secret = key.secret.clone().unwrap();
    assert!(secret.starts_with("lfk_") && secret.len() == 47, "256 bits in base64url");
    assert!(secret.starts_with(&key.prefix) && key.prefix.len() == 8);
    assert_eq!((key.name.as_str(), key.state()), ("Webshop", pb::api_key::State::Active));
    assert_eq!((key.created_by.as_str(), key.last_used_at), (user.id.as_str(), None));

    let token = exchange(&house, &secret).await.unwrap();
    assert_eq!(
        (token.expires_in, token.permissions.as_slice()),
        (600, &["identity.view", "pos.edit"].map(str::to_owned)[..])
    );
    assert!(sees_staff(&house, &token.access_token).await.is_ok());
    let location = pb::CreateLocationRequest {
        location: Some(pb::Location { name: "Annex".to_owned(), ..pb::Location::default() }),
    };
    let beyond = LocationServiceClient::new(house.token(&token.access_token)).create_location(location).await;
    assert_eq!(beyond.unwrap_err().code(), Code::PermissionDenied, "its maker may, but it is not for that");
    assert_eq!(me(&house, &token.access_token).await.unwrap_err().code(), Code::PermissionDenied, "it is nobody");

    let request = pb::GetApiKeyRequest { id: key.id.clone() };
    let read = ApiKeyServiceClient::new(house.user(&ALL)).get_api_key(request).await.unwrap().into_inner();
    let read = read.api_key.unwrap();
    assert_eq!((read.secret, read.last_used_at.is_some()), (None, true));
    let mut sql = house.sql().await;
    for (table, column) in [("api_key", "hash"), ("outbox", "body")] {
        let held = format!("select count(*) from {table} where position(convert_to($1, 'UTF8') in {column}) > 0");
        let held: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(held)).bind(&secret).fetch_one(&mut sql).await.unwrap();
        assert_eq!(held, 0, "{table}");
    }
    let named: Vec<String> =
        sqlx::query_scalar("select actor_name from audit where action like '%ExchangeApiKey' and actor_id = $1::uuid")
            .bind(&user.id)
            .fetch_all(&mut sql)
            .await
            .unwrap();
    assert_eq!(named, [format!("Webshop (API key {}… of Ada Quinn)", key.prefix)], "the record names the key");
}

#[tokio::test]
async fn what_a_program_does_is_recorded_under_its_key() {
    let house = open().await;
    let (user, ada) = maker(&house).await;
    let key = make(ada, "Webshop", &["identity.admin"]).await.unwrap();
    let token = exchange(&house, &key.secret.unwrap()).await.unwrap().access_token;
    let location = pb::CreateLocationRequest {
        location: Some(pb::Location { name: "Annex".to_owned(), ..pb::Location::default() }),
    };
    LocationServiceClient::new(house.token(&token)).create_location(location).await.unwrap();
    let (id, name): (String, String) =
        sqlx::query_as("select actor_id::text, actor_name from audit where subject_kind = 'location'")
            .fetch_one(&mut house.sql().await)
            .await
            .unwrap();
    assert_eq!(id, user.id);
    assert!(name.starts_with("Webshop (API key lfk_"), "{name}");
}

#[tokio::test]
async fn i3_a_key_does_no_more_than_its_maker_may() {
    let house = open().await;
    let modest = house.user(&["identity.admin", "pos.view"]);
    let refused = make(modest, "Greedy", &["pos.edit"]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "RIGHTS_BEYOND_OWN"));
    let (user, ada) = maker(&house).await;
    assert_eq!(make(ada.clone(), "Odd", &["pos.fly"]).await.unwrap_err().code(), Code::InvalidArgument);
    let key = make(ada, "Webshop", &["identity.admin", "pos.edit"]).await.unwrap();
    let secret = key.secret.unwrap();
    let token = exchange(&house, &secret).await.unwrap().access_token;

    let by_key = make(house.token(&token), "Child", &["pos.view"]).await.unwrap_err();
    assert_eq!(reason(&by_key), "PERSON_REQUIRED");
    give(&house, &user.id, &["viewer"]).await.unwrap();
    assert_eq!(sees_staff(&house, &token).await.unwrap_err().code(), Code::Unauthenticated, "at once");
    assert_eq!(exchange(&house, &secret).await.unwrap().permissions, ["identity.view", "pos.view"]);
}

#[tokio::test]
async fn a_key_dies_when_it_is_revoked_expires_or_its_maker_is_disabled() {
    let house = open().await;
    let (user, ada) = maker(&house).await;
    let key = make(ada.clone(), "Webshop", &["identity.view"]).await.unwrap();
    let secret = key.secret.clone().unwrap();
    let token = exchange(&house, &secret).await.unwrap().access_token;
    assert_eq!(revoke(&house, &key.id).await.unwrap().state(), pb::api_key::State::Revoked);
    assert_eq!(sees_staff(&house, &token).await.unwrap_err().code(), Code::Unauthenticated);
    let refused = exchange(&house, &secret).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unauthenticated, "API_KEY_REFUSED"));
    assert_eq!(reason(&revoke(&house, &key.id).await.unwrap_err()), "API_KEY_REVOKED");
    let missing = revoke(&house, &types::uuid::Uuid::now_v7().to_string()).await.unwrap_err();
    assert_eq!(reason(&missing), "API_KEY_NOT_FOUND");
    let told = house.events::<pb::ApiKeyChanged>().await;
    assert_eq!(told.iter().map(|told| told.version).collect::<Vec<_>>(), [1, 2]);
    assert!(told.iter().all(|told| told.api_key.as_ref().unwrap().secret.is_none()));

    let secret = make(ada, "Next", &["identity.view"]).await.unwrap().secret.unwrap();
    let token = exchange(&house, &secret).await.unwrap().access_token;
    disable(&house, &user.id).await.unwrap();
    assert_eq!(sees_staff(&house, &token).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(reason(&exchange(&house, &secret).await.unwrap_err()), "API_KEY_REFUSED");
    enable(&house, &user.id).await.unwrap();
    assert!(exchange(&house, &secret).await.is_ok());
    after_seconds(&house, 30 * DAY);
    assert_eq!(reason(&exchange(&house, &secret).await.unwrap_err()), "API_KEY_REFUSED", "it has run out");
    for bad in ["lfk_", "x", &secret[..46]] {
        assert_eq!(exchange(&house, bad).await.unwrap_err().code(), Code::Unauthenticated, "{bad}");
    }
}

#[tokio::test]
async fn the_list_of_api_keys_behaves() {
    let house = open().await;
    let (_, ada) = maker(&house).await;
    let mut ids = Vec::new();
    for name in ["Webshop", "Newsletter", "Accountant", "Old till"] {
        ids.push(make(ada.clone(), name, &["pos.view"]).await.unwrap().id);
    }
    revoke(&house, &ids[3]).await.unwrap();
    list_behaves(house.user(&["identity.admin"]), "identity.v1.ApiKeyService/ListApiKeys", &[]).await;
    let mut admin = ApiKeyServiceClient::new(house.user(&["identity.admin"]));
    for sort in ["", "name", "createdAt", "expires_at", "lastUsedAt"] {
        let request = pb::ListApiKeysRequest { sort: sort.to_owned(), q: "SHOP".to_owned(), ..Default::default() };
        assert_eq!(admin.list_api_keys(request).await.unwrap().into_inner().data.len(), 1, "{sort}");
    }
    for (state, found) in
        [(pb::api_key::State::Active, 3), (pb::api_key::State::Revoked, 1), (pb::api_key::State::Expired, 0)]
    {
        let request = pb::ListApiKeysRequest { state: Some(state.into()), ..Default::default() };
        assert_eq!(admin.list_api_keys(request).await.unwrap().into_inner().data.len(), found, "{state:?}");
    }
}

#[tokio::test]
async fn an_access_token_does_not_outlive_its_key() {
    let house = open().await;
    let (_, ada) = maker(&house).await;
    let secret = make(ada, "Webshop", &["identity.view"]).await.unwrap().secret.unwrap();
    after_seconds(&house, 30 * DAY - 90);
    let token = exchange(&house, &secret).await.unwrap();
    assert_eq!((token.expires_in, lifetime(&token.access_token)), (90, 90));
}

#[tokio::test]
async fn a_key_of_who_may_not_come_in_is_not_shown_as_active() {
    let house = open().await;
    let (user, ada) = maker(&house).await;
    let key = make(ada, "Webshop", &["identity.view"]).await.unwrap();
    let state = async || {
        let mut admin = ApiKeyServiceClient::new(house.user(&ALL));
        let shown = admin.get_api_key(pb::GetApiKeyRequest { id: key.id.clone() }).await.unwrap().into_inner();
        let state = shown.api_key.unwrap().state();
        let request = pb::ListApiKeysRequest { state: Some(state.into()), ..Default::default() };
        assert_eq!(admin.list_api_keys(request).await.unwrap().into_inner().data.len(), 1, "{state:?}");
        let active = pb::ListApiKeysRequest { state: Some(pb::api_key::State::Active.into()), ..Default::default() };
        let count = admin.list_api_keys(active).await.unwrap().into_inner().data.len();
        assert_eq!(count, usize::from(state == pb::api_key::State::Active));
        state
    };
    assert_eq!(state().await, pb::api_key::State::Active);
    disable(&house, &user.id).await.unwrap();
    assert_eq!(state().await, pb::api_key::State::MakerOut);
    enable(&house, &user.id).await.unwrap();
    assert_eq!(state().await, pb::api_key::State::Active);
    archive(&house, &user.id).await.unwrap();
    assert_eq!(state().await, pb::api_key::State::MakerOut);
    after_seconds(&house, 30 * DAY);
    assert_eq!(state().await, pb::api_key::State::Expired);
}
