//! What identity tells the gateway: how many digits money has, and whose tokens hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use axum::body::Body;
use gateway::config::Config;
use gateway::openapi::Served;
use gateway::route::Table;
use gateway::upstream::{Upstream, Upstreams};
use gateway::{Gateway, app};
use http::Request;
use kit::auth::{ServiceTokens, Trust, Verifier};
use proto::identity::v1::shop_service_server::{ShopService, ShopServiceServer};
use proto::identity::v1::trust_service_server::{TrustService, TrustServiceServer};
use proto::identity::v1::{
    GetJwksRequest, GetJwksResponse, GetShopRequest, GetShopResponse, GetTrustRequest, GetTrustResponse, Jwk, Shop,
    UpdateShopRequest, UpdateShopResponse,
};
use testing::{AUDIENCE, ISSUER, Keys, eventually};
use tonic::{Response, Status};
use tower::ServiceExt;

use crate::till::{Answer, ECHO, echo, generous, upstream};

/// An identity that knows one key and one currency.
#[derive(Clone)]
struct Identity {
    digits: Arc<AtomicI32>,
    key: (String, String),
}

#[tonic::async_trait]
impl ShopService for Identity {
    async fn get_shop(&self, request: tonic::Request<GetShopRequest>) -> Result<Response<GetShopResponse>, Status> {
        assert!(request.metadata().contains_key("x-service-token"), "the gateway asks in its own name");
        let digits = self.digits.load(Ordering::SeqCst);
        if digits < 0 {
            return Err(Status::unavailable("not yet"));
        }
        Ok(Response::new(GetShopResponse { shop: Some(Shop { currency_digits: digits, ..Shop::default() }) }))
    }

    async fn update_shop(&self, _: tonic::Request<UpdateShopRequest>) -> Result<Response<UpdateShopResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
}

#[tonic::async_trait]
impl TrustService for Identity {
    async fn get_trust(&self, _: tonic::Request<GetTrustRequest>) -> Result<Response<GetTrustResponse>, Status> {
        let (kid, x) = self.key.clone();
        Ok(Response::new(GetTrustResponse { keys: vec![Jwk { kid, x, ..Jwk::default() }], revocations: Vec::new() }))
    }

    async fn get_jwks(&self, _: tonic::Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        Err(Status::unimplemented("not asked"))
    }
}

#[tokio::test]
async fn the_shop_says_how_many_digits_money_has_and_identity_whose_tokens_hold() {
    let keys = Keys::default();
    let identity = Identity { digits: Arc::new(AtomicI32::new(-1)), key: keys.jwk() };
    let typed = tonic::service::Routes::new(ShopServiceServer::new(identity.clone()))
        .add_service(TrustServiceServer::new(identity.clone()));
    let url = upstream(Arc::default(), echo(), typed.into_axum_router().reset_fallback()).await;
    let tokens = ServiceTokens::new("gateway", keys.service_key("gateway")).unwrap();
    let channel = || kit::client::channel(&url).unwrap();
    let upstreams = ["echo", "identity"].map(|name| Upstream::new(name, channel(), channel(), tokens.clone()));
    let verifier = Verifier::new(Trust::default(), ISSUER, AUDIENCE);
    let config = Config { shop_refresh_seconds: 1, urls: BTreeMap::new(), ..generous() };
    let table = Table::read(&ECHO).unwrap();
    let gateway = Arc::new(Gateway::new(config, table, Served::new(&ECHO), Upstreams::new(upstreams.into()), verifier));
    let app = app(&gateway).unwrap();
    let token = keys.token(&[]);
    let list = async || {
        let request = Request::get("/v1/things?priceFrom=1").header("authorization", format!("Bearer {token}"));
        Answer::read(app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()).await
    };

    let early = list().await;
    assert_eq!(
        (early.status.as_u16(), early.json()["code"].clone()),
        (503, "UNAVAILABLE".into()),
        "nobody is known yet"
    );
    gateway.start_background();
    eventually("the token holds", async || (list().await.status == 200).then_some(())).await;
    assert_eq!(list().await.json()["priceFrom"], "1.00", "two digits hold until the shop is known");
    assert!(!gateway.is_ready());

    identity.digits.store(3, Ordering::SeqCst);
    eventually("the gateway is ready", async || gateway.is_ready().then_some(())).await;
    assert_eq!(list().await.json()["priceFrom"], "1.000");

    identity.digits.store(0, Ordering::SeqCst);
    eventually("the change is seen", async || (list().await.json()["priceFrom"] == "1").then_some(())).await;
    gateway.stopping().cancel();
}
