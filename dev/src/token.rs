//! Service tokens of the operator, for calling a service by hand.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use crate::failure::{Failure, Result, While};
use crate::secrets::{OPERATOR, Secrets};

/// How long a token holds.
const LIFE_SECONDS: u64 = 60;

/// A token with which the operator may call `service` for the next minute.
pub(crate) fn mint(secrets: &Path, service: &str) -> Result<String> {
    if !secrets.exists() {
        return Err(Failure::new(format!("there is no {}: start the suite first", secrets.display())));
    }
    sign(&Secrets::load(secrets)?, service)
}

fn sign(secrets: &Secrets, service: &str) -> Result<String> {
    let key = STANDARD.decode(secrets.service_key(OPERATOR)?)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some("svc+jwt".into());
    header.kid = Some(OPERATOR.into());
    let claims = json!({
        "iss": OPERATOR,
        "aud": service,
        "iat": now,
        "nbf": now,
        "exp": now + LIFE_SECONDS,
        "jti": uuid::Uuid::now_v7(),
    });
    encode(&header, &claims, &EncodingKey::from_ed_der(&key)).when("signing the token")
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_operator_may_call_one_service_for_a_minute() {
        let secrets = Secrets::new().unwrap();
        let token = sign(&secrets, "pos").unwrap();
        let keys = secrets.public_keys().unwrap();
        let key = keys.split(',').find_map(|pair| pair.strip_prefix("operator=")).unwrap();
        let key = DecodingKey::from_ed_der(&STANDARD.decode(key).unwrap());
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_audience(&["pos"]);
        rules.set_issuer(&["operator"]);
        let read = decode::<Value>(&token, &key, &rules).unwrap();
        assert_eq!((read.header.typ.as_deref(), read.header.kid.as_deref()), (Some("svc+jwt"), Some("operator")));
        assert_eq!(read.claims["exp"].as_u64().unwrap() - read.claims["iat"].as_u64().unwrap(), 60);
        rules.set_audience(&["ledger"]);
        assert!(decode::<Value>(&token, &key, &rules).is_err(), "a token for pos opened the ledger");
    }
}
