//! F28: tokens that nobody issued, and such as no longer hold.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::{Field, Verdict};
use crate::failure::{Failure, Result, While};
use crate::http::{Client, Draft};

/// Routes that any signed-in user may call: what they refuse is refused for the token alone.
const ROUTES: [&str; 2] = ["/v1/auth/me", "/v1/locations/all"];

/// What a genuine token is made of, and keys to make others.
struct Forge {
    genuine: String,
    header: Value,
    claims: Value,
    /// Identity's own.
    key: EncodingKey,
    /// Somebody else's.
    other: EncodingKey,
    /// The 32 public bytes of identity's key.
    public: Vec<u8>,
}

pub(super) async fn run(field: &Field<'_>) -> Result<Verdict> {
    let forge = Forge::new(field).await?;
    let mut verdict = Verdict::default();
    let mut client = Client::new(&field.clerk.bases);
    let sound = forge.signed(&forge.header, &forge.claims)?;
    for token in [&forge.genuine, &sound] {
        let status = ask(&mut client, ROUTES[0], token).await?;
        verdict.must(status == 200, || format!("a genuine token is answered {status}"));
    }
    let forged = forge.all()?;
    let mut accepted = 0;
    for (name, token) in &forged {
        for route in ROUTES {
            let status = ask(&mut client, route, token).await?;
            accepted += u32::from(status < 400);
            verdict.must(status == 401, || format!("{name}: {route} answers {status}"));
        }
    }
    verdict.others = (forged.len() * ROUTES.len()) as u64;
    verdict.note("forged", forged.len());
    verdict.note("accepted", accepted);
    Ok(verdict)
}

async fn ask(client: &mut Client, route: &str, token: &str) -> Result<u16> {
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
    let answer = client.send(&Draft::new(Method::GET, route).with(AUTHORIZATION, bearer)).await;
    answer.map(|answer| answer.status).map_err(|why| Failure::new(format!("{route}: no answer ({why:?})")))
}

impl Forge {
    async fn new(field: &Field<'_>) -> Result<Self> {
        let bearer = field.clerk.bearer().await?;
        let genuine = bearer.to_str()?.trim_start_matches("Bearer ").to_owned();
        let part = |number| genuine.split('.').nth(number).unwrap_or_default();
        let [header, claims] = [part(0), part(1)].map(|part| URL_SAFE_NO_PAD.decode(part));
        let (header, claims) = (serde_json::from_slice(&header?)?, serde_json::from_slice(&claims?)?);
        let key = key(field, "identity", "TOKEN_KEY")?;
        let other = key_of_pos(field)?;
        let jwks = field.clerk.get("/.well-known/jwks.json").await?;
        let public = URL_SAFE_NO_PAD.decode(jwks["keys"][0]["x"].as_str().unwrap_or_default())?;
        Ok(Self { genuine, header, claims, key, other, public })
    }

    fn signed(&self, header: &Value, claims: &Value) -> Result<String> {
        sign(header, claims, &self.key, Algorithm::EdDSA)
    }

    fn all(&self) -> Result<Vec<(String, String)>> {
        let mut all = self.unsigned()?;
        all.extend(self.misnamed()?);
        all.extend(self.stale()?);
        Ok(all)
    }

    /// The signature is missing, somebody else's, or of a kind that anybody can make.
    fn unsigned(&self) -> Result<Vec<(String, String)>> {
        let mut all = Vec::new();
        let (head, rest) = self.genuine.split_once('.').unwrap_or_default();
        let (body, signature) = rest.split_once('.').unwrap_or_default();
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let header = part(&with(&self.header, "alg", &json!(alg)));
            all.push((format!("alg {alg:?} without a signature"), format!("{header}.{body}.")));
            all.push((format!("alg {alg:?} with the old signature"), format!("{header}.{body}.{signature}")));
        }
        let secrets = [self.public.clone(), URL_SAFE_NO_PAD.encode(&self.public).into_bytes(), Vec::new()];
        for (secret, algorithm) in
            secrets.iter().flat_map(|secret| [(secret, Algorithm::HS256), (secret, Algorithm::HS512)])
        {
            let header = with(&self.header, "alg", &json!(format!("{algorithm:?}")));
            let token = sign(&header, &self.claims, &EncodingKey::from_secret(secret), algorithm)?;
            all.push((format!("{algorithm:?} with a public key of {} bytes as the secret", secret.len()), token));
        }
        let stronger = part(&with(&self.claims, "perms", &json!(["identity.admin", "pos.admin", "ledger.admin"])));
        let flipped = signature.chars().rev().collect::<String>();
        all.extend([
            ("no signature".to_owned(), format!("{head}.{body}.")),
            ("two parts".to_owned(), format!("{head}.{body}")),
            ("half a signature".to_owned(), format!("{head}.{body}.{}", &signature[..signature.len() / 2])),
            ("a signature read backwards".to_owned(), format!("{head}.{body}.{flipped}")),
            ("more permissions under the old signature".to_owned(), format!("{head}.{stronger}.{signature}")),
            ("another key".to_owned(), sign(&self.header, &self.claims, &self.other, Algorithm::EdDSA)?),
            ("nothing".to_owned(), String::new()),
            ("no token".to_owned(), "a.b.c".to_owned()),
        ]);
        Ok(all)
    }

    /// Signed by identity's own key, with a header that is not identity's.
    fn misnamed(&self) -> Result<Vec<(String, String)>> {
        let own = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(&self.public)});
        let headers = [
            ("kid", json!("somebody")),
            ("kid", json!("")),
            ("kid", json!("../../../../dev/null")),
            ("kid", json!("' or '1'='1")),
            ("kid", Value::Null),
            ("typ", json!("JWT")),
            ("typ", json!("svc+jwt")),
            ("typ", Value::Null),
            ("jku", json!("https://attacker.test/keys")),
            ("jwk", own),
            ("x5u", json!("https://attacker.test/chain")),
            ("x5c", json!(["MIIB"])),
        ];
        let token = |(name, value): (&str, Value)| {
            let token = self.signed(&with(&self.header, name, &value), &self.claims)?;
            Ok((format!("header {name} = {value}"), token))
        };
        headers.into_iter().map(token).collect()
    }

    /// Signed by identity's own key, for somebody else or another time.
    fn stale(&self) -> Result<Vec<(String, String)>> {
        let now = chrono::Utc::now().timestamp();
        let claims = [
            ("iss", json!("https://another.lunarfront.test")),
            ("iss", Value::Null),
            ("aud", json!("https://another.lunarfront.test")),
            ("aud", Value::Null),
            ("exp", json!(now - 60)),
            ("exp", json!(0)),
            ("exp", json!(now - 86_400)),
            ("exp", Value::Null),
            ("nbf", json!(now + 120)),
            ("nbf", Value::Null),
            ("iat", json!(now + 3_600)),
            ("sub", Value::Null),
            ("sub", json!("owner")),
            ("sid", Value::Null),
            ("jti", Value::Null),
            ("perms", json!("everything")),
        ];
        let token = |(name, value): (&str, Value)| {
            let token = self.signed(&self.header, &with(&self.claims, name, &value))?;
            Ok((format!("claim {name} = {value}"), token))
        };
        let mut all = claims.into_iter().map(token).collect::<Result<Vec<_>>>()?;
        let service = json!({"iss": "pos", "aud": "identity", "iat": now, "nbf": now, "exp": now + 60, "jti": "1"});
        let header = json!({"alg": "EdDSA", "typ": "svc+jwt", "kid": "pos"});
        all.push(("a service's own token".to_owned(), sign(&header, &service, &self.other, Algorithm::EdDSA)?));
        Ok(all)
    }
}

fn key(field: &Field<'_>, service: &str, setting: &str) -> Result<EncodingKey> {
    let text = field.suite.process(service)?.environment.remove(setting).unwrap_or_default();
    let der = STANDARD.decode(text.trim()).when(format!("reading {setting}"))?;
    Ok(EncodingKey::from_ed_der(&der))
}

fn key_of_pos(field: &Field<'_>) -> Result<EncodingKey> {
    key(field, "pos", "SERVICE_KEY")
}

/// A copy with one name set; null takes it away.
fn with(object: &Value, name: &str, value: &Value) -> Value {
    let mut copy = object.clone();
    match (&mut copy, value) {
        (Value::Object(fields), Value::Null) => drop(fields.remove(name)),
        (Value::Object(fields), value) => drop(fields.insert(name.to_owned(), value.clone())),
        _ => {}
    }
    copy
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn sign(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> Result<String> {
    let message = format!("{}.{}", part(header), part(claims));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).when("signing")?;
    Ok(format!("{message}.{signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_set_or_taken_away() {
        let claims = json!({"sub": "x", "exp": 1});
        assert_eq!(with(&claims, "exp", &json!(2)), json!({"sub": "x", "exp": 2}));
        assert_eq!(with(&claims, "exp", &Value::Null), json!({"sub": "x"}));
    }

    #[test]
    fn a_signed_token_has_three_parts() {
        let key = EncodingKey::from_secret(b"secret");
        let token = sign(&json!({"alg": "HS256"}), &json!({"sub": "x"}), &key, Algorithm::HS256).unwrap();
        assert_eq!(token.split('.').count(), 3);
        assert!(token.starts_with(&part(&json!({"alg": "HS256"}))));
    }
}
