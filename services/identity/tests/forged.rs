//! F28: forty tokens that identity did not give, each at its own door.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use identity::Identity;
use kit::auth::ServiceTokens;
use serde_json::{Value, json};
use testing::Builder;
use tonic::Code;

use crate::staff::{hire, me, settings, sign_in};

/// A genuine token, and what a forger may know or hold.
struct Forger {
    genuine: String,
    header: Value,
    claims: Value,
    /// The key that identity signs with: what it signs must be refused for its content.
    key: Ed25519KeyPair,
    other_key: Ed25519KeyPair,
}

impl Forger {
    /// The genuine token with other content, signed with identity's own key.
    fn signed(&self, header: &Value, claims: &Value) -> String {
        sign(&self.key, header, claims)
    }

    fn header(&self, name: &str, value: Value) -> String {
        self.signed(&with(&self.header, name, value), &self.claims)
    }

    fn claim(&self, name: &str, value: Value) -> String {
        self.signed(&self.header, &with(&self.claims, name, value))
    }

    /// The public key's bytes taken as the secret of a symmetric algorithm.
    fn symmetric(&self, name: &str, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
        let content = content(&with(&self.header, "alg", json!(name)), &self.claims);
        let signature = hmac::sign(&hmac::Key::new(algorithm, secret), content.as_bytes());
        format!("{content}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn part(&self, n: usize) -> &str {
        self.genuine.split('.').nth(n).unwrap()
    }
}

/// Sets a field; null takes it away.
fn with(value: &Value, name: &str, field: Value) -> Value {
    let mut value = value.clone();
    if field.is_null() {
        value.as_object_mut().unwrap().shift_remove(name);
    } else {
        value[name] = field;
    }
    value
}

fn content(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn sign(key: &Ed25519KeyPair, header: &Value, claims: &Value) -> String {
    let content = content(header, claims);
    let signature = URL_SAFE_NO_PAD.encode(key.sign(content.as_bytes()));
    format!("{content}.{signature}")
}

fn algorithms(forger: &Forger) -> Vec<(&'static str, String)> {
    let public = forger.key.public_key().as_ref();
    let x = URL_SAFE_NO_PAD.encode(public);
    let unsigned = content(&with(&forger.header, "alg", json!("none")), &forger.claims);
    vec![
        ("alg none, no signature", format!("{unsigned}.")),
        ("alg none, the genuine signature", format!("{unsigned}.{}", forger.part(2))),
        ("alg nOnE, signed", forger.header("alg", json!("nOnE"))),
        ("no alg", forger.header("alg", Value::Null)),
        ("HS256 with the public key", forger.symmetric("HS256", hmac::HMAC_SHA256, public)),
        ("HS256 with the public key's text", forger.symmetric("HS256", hmac::HMAC_SHA256, x.as_bytes())),
        ("HS256 with nothing", forger.symmetric("HS256", hmac::HMAC_SHA256, b"")),
        ("HS384 with the public key", forger.symmetric("HS384", hmac::HMAC_SHA384, public)),
        ("HS512 with the public key", forger.symmetric("HS512", hmac::HMAC_SHA512, public)),
        ("EdDSA in name, HS256 in truth", forger.symmetric("EdDSA", hmac::HMAC_SHA256, public)),
        ("alg ES256, our signature", forger.header("alg", json!("ES256"))),
        ("alg RS256, our signature", forger.header("alg", json!("RS256"))),
    ]
}

fn headers(forger: &Forger, other_kid: &str) -> Vec<(&'static str, String)> {
    let x = URL_SAFE_NO_PAD.encode(forger.other_key.public_key().as_ref());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    vec![
        ("unknown kid", forger.header("kid", json!("0000000000000000"))),
        ("no kid", forger.header("kid", Value::Null)),
        ("kid that is a path", forger.header("kid", json!("../../../dev/null"))),
        ("kid of another trusted key", forger.header("kid", json!(other_kid))),
        ("typ JWT", forger.header("typ", json!("JWT"))),
        ("no typ", forger.header("typ", Value::Null)),
        ("typ of service tokens", forger.header("typ", json!("svc+jwt"))),
        ("jku", forger.header("jku", json!("https://evil.test/jwks.json"))),
        ("x5u", forger.header("x5u", json!("https://evil.test/cert.pem"))),
        ("jwk of another, signed by him", sign(&forger.other_key, &with(&forger.header, "jwk", jwk), &forger.claims)),
        ("another's key under our kid", sign(&forger.other_key, &forger.header, &forger.claims)),
    ]
}

fn claims(forger: &Forger) -> Vec<(&'static str, String)> {
    let now = chrono::Utc::now().timestamp();
    vec![
        ("wrong iss", forger.claim("iss", json!("https://other.lunarfront.test"))),
        ("no iss", forger.claim("iss", Value::Null)),
        ("wrong aud", forger.claim("aud", json!("https://other.lunarfront.test"))),
        ("no aud", forger.claim("aud", Value::Null)),
        ("expired a second beyond the leeway", forger.claim("exp", json!(now - 31))),
        ("no exp", forger.claim("exp", Value::Null)),
        ("not valid for two minutes", forger.claim("nbf", json!(now + 120))),
        ("issued in two minutes", forger.claim("iat", json!(now + 120))),
        ("no sub", forger.claim("sub", Value::Null)),
        ("no jti", forger.claim("jti", Value::Null)),
    ]
}

fn pieces(forger: &Forger, seed: usize, service_tokens: &ServiceTokens) -> Vec<(&'static str, String)> {
    let (header, body, signature) = (forger.part(0), forger.part(1), forger.part(2));
    let promoted = with(&forger.claims, "perms", json!(["identity.admin"]));
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let flipped = seed % bytes.len();
    bytes[flipped] ^= 1 << (seed % 8);
    vec![
        ("more rights under the genuine signature", format!("{}.{signature}", content(&forger.header, &promoted))),
        ("one bit of the signature turned", format!("{header}.{body}.{}", URL_SAFE_NO_PAD.encode(bytes))),
        ("truncated", forger.genuine[..forger.genuine.len() - 1 - seed % 40].to_owned()),
        ("no signature", format!("{header}.{body}.")),
        ("signed twice over", format!("{}.{signature}", forger.genuine)),
        ("a service token", service_tokens.token_for("identity").unwrap()),
        ("nothing but dots", "..".to_owned()),
    ]
}

#[tokio::test]
async fn f28_no_forged_token_opens_the_door() {
    let seed = usize::try_from(chrono::Utc::now().timestamp_micros()).unwrap();
    let builder = Builder::default();
    let settings = settings(&builder.keys());
    let key = Ed25519KeyPair::from_pkcs8(&STANDARD.decode(settings.token_key.reveal()).unwrap()).unwrap();
    let house = builder.open::<Identity>(settings).await;
    hire(&house, "ada@shop.test", &["viewer"]).await;
    let genuine = sign_in(&house, "ada@shop.test").await.access_token;
    let part = |n: usize| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(genuine.split('.').nth(n).unwrap()).unwrap()).unwrap()
    };
    let (header, claims_of) = (part(0), part(1));
    let other_key = Ed25519KeyPair::generate().unwrap();
    let forger = Forger { genuine, header, claims: claims_of, key, other_key };
    // The forger's tools work: what he signs unchanged is accepted, so that each refusal below has its own reason.
    assert!(me(&house, &forger.signed(&forger.header, &with(&forger.claims, "jti", json!("x")))).await.is_ok());

    let gateway = ServiceTokens::new("gateway", house.keys.service_key("gateway")).unwrap();
    let mut forged = algorithms(&forger);
    forged.extend(headers(&forger, &house.keys.jwk().0));
    forged.extend(claims(&forger));
    forged.extend(pieces(&forger, seed, &gateway));
    let mut accepted = Vec::new();
    for (what, token) in &forged {
        match me(&house, token).await {
            Ok(_) => accepted.push(*what),
            Err(refused) => assert_eq!(refused.code(), Code::Unauthenticated, "{what}"),
        }
    }
    println!("FAULT F28 seed={seed} sent={} accepted={}", forged.len(), accepted.len());
    assert!(accepted.is_empty(), "{accepted:?}");
    assert_eq!(forged.len(), 40);
    assert!(me(&house, &forger.genuine).await.is_ok(), "the genuine one still opens it");
}
