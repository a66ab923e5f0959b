//! With identity away, whoever is signed in goes on selling.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use kit::auth::Trust;
use kit::client::Peer;
use proto::identity::v1 as identity;
use proto::identity::v1::trust_service_server::{TrustService, TrustServiceServer};
use testing::eventually;
use tonic::{Request, Response, Status};

use crate::counter::{Shop1, cash};

/// Answers as often as it is told to, and is away from then on.
#[derive(Clone)]
struct Fleeting {
    keys: Vec<identity::Jwk>,
    asked: Arc<AtomicU32>,
}

#[async_trait]
impl TrustService for Fleeting {
    async fn get_trust(
        &self,
        _request: Request<identity::GetTrustRequest>,
    ) -> Result<Response<identity::GetTrustResponse>, Status> {
        match self.asked.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(Response::new(identity::GetTrustResponse { keys: self.keys.clone(), revocations: Vec::new() })),
            _ => Err(Status::unavailable("identity is away")),
        }
    }

    async fn get_jwks(
        &self,
        _request: Request<identity::GetJwksRequest>,
    ) -> Result<Response<identity::GetJwksResponse>, Status> {
        Err(Status::unavailable("identity is away"))
    }
}

#[tokio::test]
async fn with_identity_away_signed_in_staff_goes_on_selling() {
    let shop = Shop1::open().await;
    let (kid, x) = shop.house.keys.jwk();
    let fake = Fleeting { keys: vec![identity::Jwk { kid, x, ..identity::Jwk::default() }], asked: Arc::default() };
    // What the shop trusted until now is forgotten, so that it lives on what identity once said.
    shop.house.app.trust.tell(&[], &[]);
    let item = shop.shelf.product(2_500);
    let stranger = shop.sell(shop.cart(&[&item], vec![cash(2_500)])).await.unwrap_err();
    assert_eq!(stranger.code(), tonic::Code::Unauthenticated);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let served = tonic::transport::Server::builder().add_service(TrustServiceServer::new(fake.clone()));
    kit::task::spawn(served.serve_with_incoming(incoming));
    let peer = Peer::new("identity", &url, shop.house.app.tokens.clone()).unwrap();
    let (trust, stop): (Trust, _) = (shop.house.app.trust.clone(), shop.house.app.tasks.stopping());
    shop.house.app.tasks.spawn(async move { kit::trust::follow_until(&trust, &peer, stop).await });

    eventually("identity was asked and has gone away", || async {
        (fake.asked.load(Ordering::SeqCst) >= 3).then_some(())
    })
    .await;
    shop.open_drawer(10_000).await;
    for _ in 0..10 {
        shop.sell(shop.cart(&[&item], vec![cash(2_500)])).await.unwrap();
    }
    assert!(fake.asked.load(Ordering::SeqCst) >= 3);
    shop.house.app.tasks.stop().await;
}
