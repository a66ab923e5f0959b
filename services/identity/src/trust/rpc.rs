//! Keys and revocations on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use kit::auth::Revoked;
use kit::{App, Reply, check, read};
use proto::identity::v1 as pb;
use tonic::{Request, Response};

use crate::Error;
use crate::session::{store, tokens::Tokens};

pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) tokens: Arc<Tokens>,
}

#[async_trait]
impl pb::trust_service_server::TrustService for Rpc {
    async fn get_trust(&self, request: Request<pb::GetTrustRequest>) -> Reply<pb::GetTrustResponse> {
        read(&self.app.db, request, async |conn, _caller, _message| {
            let revocations = store::revoked(conn).await?.into_iter().map(revocation).collect();
            Ok::<_, Error>(pb::GetTrustResponse { keys: self.keys(), revocations })
        })
        .await
    }

    async fn get_jwks(&self, request: Request<pb::GetJwksRequest>) -> Reply<pb::GetJwksResponse> {
        check(&request)?;
        Ok(Response::new(pb::GetJwksResponse { keys: self.keys() }))
    }
}

impl Rpc {
    fn keys(&self) -> Vec<pb::Jwk> {
        let key = |(kid, x): &(String, String)| pb::Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: kid.clone(),
            alg: "EdDSA".to_owned(),
            r#use: "sig".to_owned(),
            x: x.clone(),
        };
        self.tokens.published().iter().map(key).collect()
    }
}

fn revocation(revoked: Revoked) -> pb::Revocation {
    let Revoked { session_id, user_id, at } = revoked;
    pb::Revocation {
        session_id: session_id.map(|id| id.to_string()).unwrap_or_default(),
        user_id: user_id.to_string(),
        revoked_at: Some(proto::timestamp(at)),
    }
}
