//! What the others are told of keys and revocations.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::{Identity, Settings};
use kit::auth::{ServiceTokens, Trust, Verifier};
use kit::{App, Service};
use proto::identity::v1 as pb;
use proto::identity::v1::session_service_client::SessionServiceClient;
use proto::identity::v1::trust_service_client::TrustServiceClient;
use testing::{AUDIENCE, Builder, House, ISSUER, eventually};

use crate::staff::{ALL, disable, hire, open, settings, sign_in};

#[tokio::test]
async fn the_keys_are_published_under_their_fingerprints() {
    let house = open().await;
    let mut anybody = TrustServiceClient::new(house.nobody());
    let keys = anybody.get_jwks(pb::GetJwksRequest {}).await.unwrap().into_inner().keys;
    assert_eq!(keys.len(), 2, "its own, and the one that TOKEN_KEYS_ALSO names");
    let own = &keys[0];
    let public = URL_SAFE_NO_PAD.decode(&own.x).unwrap();
    assert_eq!(own.kid, hex::encode(&digest::digest(&digest::SHA256, &public).as_ref()[..8]));
    let shown = [&own.kty, &own.crv, &own.alg, &own.r#use].map(String::as_str);
    assert_eq!(shown, ["OKP", "Ed25519", "EdDSA", "sig"]);

    hire(&house, "ada@shop.test", &["viewer"]).await;
    let token = sign_in(&house, "ada@shop.test").await.access_token;
    let part = |n: usize| -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap()).unwrap()
    };
    assert_eq!(part(0), serde_json::json!({"typ": "at+jwt", "alg": "EdDSA", "kid": own.kid}));
    let claims = part(1);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    assert_eq!(claims["name"], "Ada Quinn");
    assert_eq!(claims["perms"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_revocation_is_told_for_eleven_minutes() {
    let house = open().await;
    let user = hire(&house, "ada@shop.test", &["viewer"]).await;
    sign_in(&house, "ada@shop.test").await;
    let mut pos = TrustServiceClient::new(house.service("pos"));
    assert!(pos.get_trust(pb::GetTrustRequest {}).await.unwrap().into_inner().revocations.is_empty());
    disable(&house, &user.id).await.unwrap();
    let revocations = pos.get_trust(pb::GetTrustRequest {}).await.unwrap().into_inner().revocations;
    assert_eq!(revocations.len(), 2, "the session, and whatever else the user has");
    assert!(revocations.iter().all(|revoked| revoked.user_id == user.id && revoked.revoked_at.is_some()));
    assert_eq!(revocations.iter().filter(|revoked| revoked.session_id.is_empty()).count(), 1);

    for (minutes, left) in [(10, 2), (1, 0)] {
        sqlx::query("update revocation set revoked_at = revoked_at - $1 * interval '1 minute'")
            .bind(minutes)
            .execute(&mut house.sql().await)
            .await
            .unwrap();
        let told = pos.get_trust(pb::GetTrustRequest {}).await.unwrap().into_inner().revocations;
        assert_eq!(told.len(), left);
    }
}

#[tokio::test]
async fn another_replica_refuses_an_ended_session_within_two_seconds() {
    let builder = Builder::default();
    let settings = settings(&builder.keys());
    let house = builder.open::<Identity>(settings.clone()).await;
    let verifier = replica(&house, settings).await;

    hire(&house, "ada@shop.test", &["viewer"]).await;
    let token = sign_in(&house, "ada@shop.test").await.access_token;
    let session = verifier.user(&token, chrono::Utc::now()).unwrap().session_id;
    let mut admin = SessionServiceClient::new(house.user(&ALL));
    admin.end_session(pb::EndSessionRequest { id: session.to_string() }).await.unwrap();
    let begun = std::time::Instant::now();
    eventually("the replica refuses", || async { verifier.user(&token, chrono::Utc::now()).err() }).await;
    assert!(begun.elapsed().as_millis() < 2000);
}

#[tokio::test]
async fn the_key_of_the_settings_is_only_the_first() {
    let house = open().await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let token = sign_in(&house, "ada@shop.test").await.access_token;
    let other = settings(&house.keys);
    assert!(replica(&house, other).await.user(&token, chrono::Utc::now()).is_ok(), "the keys are the database's");
}

/// The door's idea of tokens in another process over the same database.
async fn replica(house: &House<Identity>, settings: Settings) -> Verifier {
    let trust = Trust::default();
    let tokens = ServiceTokens::new("identity", house.keys.service_key("identity")).unwrap();
    let db = kit::Db::open(&house.db.url(), db::Pools { requests: 2, background: 1 }).unwrap();
    let app = App::new("identity", db, house.clock.clone(), trust.clone(), tokens, Vec::new());
    Identity::open(app, settings).await.map(|_| ()).unwrap();
    Verifier::new(trust, ISSUER, AUDIENCE)
}
