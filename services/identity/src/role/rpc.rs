//! Roles on the wire.

use async_trait::async_trait;
use db::List;
use kit::{App, Reply, read};
use proto::identity::v1 as pb;
use tonic::Request;

use super::{Role, store};
use crate::Error;

pub(crate) struct Rpc {
    pub(crate) app: App,
}

#[async_trait]
impl pb::role_service_server::RoleService for Rpc {
    async fn list_roles(&self, request: Request<pb::ListRolesRequest>) -> Reply<pb::ListRolesResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            Ok::<_, Error>(store::list(conn, &list).await?.answer(&list))
        })
        .await
    }

    async fn list_all_roles(&self, request: Request<pb::ListAllRolesRequest>) -> Reply<pb::ListAllRolesResponse> {
        read(&self.app.db, request, async |conn, _caller, _message| {
            let data = store::all(conn).await?.into_iter().map(Into::into).collect();
            Ok::<_, Error>(pb::ListAllRolesResponse { data })
        })
        .await
    }
}

impl From<Role> for pb::Role {
    fn from(role: Role) -> Self {
        let Role { id, slug, name, is_system, permissions } = role;
        Self { id: id.to_string(), slug, name, is_system, permissions }
    }
}
