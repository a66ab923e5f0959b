//! Permission coverage: every RPC of a service, the day it is born.

use kit::Service;
use proto::{Access, RPCS, Rpc};
use tonic::client::Grpc;
use tonic::{Code, Request, Response, Status, Streaming};
use types::uuid::Uuid;

use crate::{House, RawCodec, Voice};

impl<S: Service> House<S> {
    /// Every RPC of this service refuses nobody, the wrong user and the wrong service as its option says, and what is no
    /// message as the caller's mistake.
    ///
    /// # Panics
    /// When one lets somebody through.
    pub async fn refuses_whom_it_must(&self) {
        let package = format!("/lunarfront.{}.v1.", S::NAME);
        let mut seen = 0;
        for rpc in RPCS.iter().filter(|rpc| rpc.path.starts_with(&package) || rpc.each_service) {
            seen += 1;
            let nobody = call(self.nobody(), rpc).await;
            let powerless = call(self.user(&["nothing.view"]), rpc).await;
            let customer = call(self.token(&self.keys.portal_token(Uuid::now_v7())), rpc).await;
            let program = call(self.token(&self.keys.key_token(&["nothing.view"])), rpc).await;
            let stranger = call_without_service_token(self, rpc).await;
            assert_eq!(stranger, Some(Code::Unauthenticated), "{}: without a service token", rpc.path);
            let allowed = match rpc.access {
                Access::Permission(word) => Some(self.user(&[word])),
                Access::SignedIn => Some(self.user(&[])),
                Access::Public => Some(self.nobody()),
                Access::Service => None,
            };
            if let Some(voice) = allowed {
                let garbled = call_with(voice, rpc, vec![0xff]).await;
                assert_eq!(garbled, Some(Code::InvalidArgument), "{}: bytes that are no message", rpc.path);
            }
            match rpc.access {
                Access::Permission(word) => {
                    for (who, code) in [("user", powerless), ("customer", customer), ("program", program)] {
                        assert_eq!(code, Some(Code::PermissionDenied), "{} wants {word} of a {who}", rpc.path);
                    }
                    if !rpc.callers.contains(&"gateway") {
                        assert_eq!(nobody, Some(Code::Unauthenticated), "{} wants a user", rpc.path);
                    }
                }
                Access::SignedIn => {
                    if !rpc.callers.contains(&"gateway") {
                        assert_eq!(nobody, Some(Code::Unauthenticated), "{} wants a user", rpc.path);
                    }
                    assert_ne!(powerless, Some(Code::PermissionDenied), "{} takes any user", rpc.path);
                    for (who, code) in [("portal", customer), ("key", program)] {
                        let is_refused = code == Some(Code::PermissionDenied);
                        assert_ne!(is_refused, rpc.open_to.contains(&who), "{} and a {who}", rpc.path);
                    }
                }
                Access::Service => {
                    if !rpc.callers.contains(&"*") {
                        assert_eq!(nobody, Some(Code::PermissionDenied), "{} is for services", rpc.path);
                        assert_eq!(powerless, Some(Code::PermissionDenied), "{} is for services", rpc.path);
                    }
                }
                Access::Public => assert_ne!(nobody, Some(Code::Unauthenticated), "{} is public", rpc.path),
            }
        }
        assert!(seen > 0, "{} has RPCs", S::NAME);
    }
}

async fn call(voice: Voice, rpc: &Rpc) -> Option<Code> {
    call_with(voice, rpc, Vec::new()).await
}

async fn call_with(voice: Voice, rpc: &Rpc, message: Vec<u8>) -> Option<Code> {
    let mut grpc = Grpc::new(voice);
    grpc.ready().await.unwrap();
    let path = rpc.path.parse().unwrap();
    first_code(grpc.server_streaming(Request::new(message), path, RawCodec).await).await
}

async fn call_without_service_token<S: Service>(house: &House<S>, rpc: &Rpc) -> Option<Code> {
    let mut grpc = Grpc::new(house.channel());
    grpc.ready().await.unwrap();
    let path = rpc.path.parse().unwrap();
    first_code(grpc.server_streaming(Request::new(Vec::new()), path, RawCodec).await).await
}

/// The code of the first answer: a stream that is let through need not end.
async fn first_code(answer: Result<Response<Streaming<Vec<u8>>>, Status>) -> Option<Code> {
    match answer {
        Err(status) => Some(status.code()),
        Ok(answer) => answer.into_inner().message().await.err().map(|status| status.code()),
    }
}
