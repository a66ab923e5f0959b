//! Tags on the wire.

use async_trait::async_trait;
use db::Db;
use kit::{Reply, read};
use proto::accounts::v1 as pb;
use proto::accounts::v1::tag_service_server::TagService;
use tonic::Request;

use super::store;
use crate::Error;

pub(crate) struct Rpc {
    pub(crate) db: Db,
}

#[async_trait]
impl TagService for Rpc {
    async fn list_all_tags(&self, request: Request<pb::ListAllTagsRequest>) -> Reply<pb::ListAllTagsResponse> {
        read(&self.db, request, async |conn, _caller, _message| {
            let data = store::all(conn).await?.into_iter().map(|name| pb::Tag { name }).collect();
            Ok::<_, Error>(pb::ListAllTagsResponse { data })
        })
        .await
    }
}
