//! Roles and permissions on the wire.

use std::sync::Arc;

use async_trait::async_trait;
use db::{Audit, List, Subject, Tx};
use kit::{App, Caller, Permissions, Reply, etag, expect_etag, read, write};
use proto::identity::v1 as pb;
use serde_json::json;
use tonic::Request;
use types::Violation;

use super::{Draft, Role, RoleId, Word, may_add, store};
use crate::change::{difference, means};
use crate::name::name;
use crate::trust::told::Told;
use crate::{Error, session, user};

#[derive(Clone)]
pub(crate) struct Rpc {
    pub(crate) app: App,
    pub(crate) told: Arc<Told>,
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

    async fn get_role(&self, request: Request<pb::GetRoleRequest>) -> Reply<pb::GetRoleResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let role = store::get(conn, RoleId::parse("id", &message.id)?).await?;
            Ok::<_, Error>(pb::GetRoleResponse { role: Some(role.into()) })
        })
        .await
    }

    async fn create_role(&self, request: Request<pb::CreateRoleRequest>) -> Reply<pb::CreateRoleResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let sent = message.role.as_ref().ok_or_else(|| Violation::new("role", "is required"))?;
            let nothing = Draft { name: String::new(), permissions: Permissions::default() };
            let draft = changed(tx, &nothing, sent, None).await?;
            may_add(&own(caller), &nothing.permissions, &draft.permissions)?;
            let role = store::insert(tx, RoleId::new(), &sent.slug, &draft).await?;
            tell(tx, &role);
            let mut fields = role.draft.fields();
            fields["slug"] = json!(role.slug);
            tx.audit(Audit::created("role", role.id, fields));
            Ok::<_, Error>(pb::CreateRoleResponse { role: Some(role.into()) })
        })
        .await
    }

    async fn update_role(&self, request: Request<pb::UpdateRoleRequest>) -> Reply<pb::UpdateRoleResponse> {
        let answer = write(&self.app.db, request, async |tx, caller, message| {
            let sent = message.role.as_ref().ok_or_else(|| Violation::new("role", "is required"))?;
            let mask = message.update_mask.as_ref().map(|mask| mask.paths.as_slice());
            let role = lock(tx, caller, "role.id", &sent.id).await?;
            let draft = changed(tx, &role.draft, sent, mask).await?;
            may_add(&own(caller), &role.draft.permissions, &draft.permissions)?;
            let role = save(tx, role, &draft).await?;
            Ok::<_, Error>(pb::UpdateRoleResponse { role: Some(role.into()) })
        })
        .await?;
        self.told.renew_now().await;
        Ok(answer)
    }

    async fn delete_role(&self, request: Request<pb::DeleteRoleRequest>) -> Reply<pb::DeleteRoleResponse> {
        write(&self.app.db, request, async |tx, caller, message| {
            let role = lock(tx, caller, "id", &message.id).await?;
            store::delete(tx, &role).await?;
            let event = pb::RoleDeleted { role_id: role.id.to_string(), slug: role.slug.clone() };
            tx.publish(Subject { id: role.id.uuid(), version: role.version + 1 }, &event);
            let before = Some(role.draft.fields());
            let subject_id = role.id.to_string();
            tx.audit(Audit { subject_kind: "role", subject_id, before, after: None });
            Ok::<_, Error>(pb::DeleteRoleResponse {})
        })
        .await
    }
}

#[async_trait]
impl pb::permission_service_server::PermissionService for Rpc {
    async fn list_permissions(
        &self,
        request: Request<pb::ListPermissionsRequest>,
    ) -> Reply<pb::ListPermissionsResponse> {
        read(&self.app.db, request, async |conn, _caller, message| {
            let list = List::parse(&message)?;
            Ok::<_, Error>(store::list_words(conn, &list).await?.answer(&list))
        })
        .await
    }
}

/// What the one who asks may do himself.
pub(crate) fn own(caller: &Caller) -> Permissions {
    caller.user.as_ref().map(|user| user.permissions.clone()).unwrap_or_default()
}

/// Locks a role of the shop's own that the caller believes to know.
async fn lock(tx: &mut Tx, caller: &Caller, field: &str, id: &str) -> Result<Role, Error> {
    let role = store::lock(tx, RoleId::parse(field, id)?).await?.own()?;
    expect_etag(caller.if_match.as_deref(), role.version, || Error::RoleChanged)?;
    Ok(role)
}

/// Saves a role that differs, tells it and records the change; whoever has it is told anew, and what he was told before
/// is revoked.
async fn save(tx: &mut Tx, role: Role, draft: &Draft) -> Result<Role, Error> {
    let Some((before, after)) = difference(role.draft.fields(), draft.fields()) else { return Ok(role) };
    let allows_other = role.draft.permissions != draft.permissions;
    let holders = if allows_other { user::store::lock_holders(tx, role.id).await? } else { Vec::new() };
    let role = store::save(tx, role.id, draft).await?;
    tell(tx, &role);
    tx.audit(Audit::changed("role", role.id, before, after));
    for holder in user::store::touch(tx, &holders).await? {
        user::rpc::tell(tx, &holder);
    }
    session::store::revoke_all_tokens(tx, &holders).await?;
    Ok(role)
}

fn tell(tx: &mut Tx, role: &Role) {
    let event = pb::RoleChanged { role: Some(role.clone().into()), version: role.version };
    tx.publish(Subject { id: role.id.uuid(), version: role.version }, &event);
}

async fn changed(tx: &mut Tx, draft: &Draft, sent: &pb::Role, mask: Option<&[String]>) -> Result<Draft, Error> {
    let mut draft = draft.clone();
    if means(mask, "name") {
        draft.name = name("role.name", &sent.name)?;
    }
    if means(mask, "permissions") {
        draft.permissions = store::registered(tx, "role.permissions", &sent.permissions).await?;
    }
    Ok(draft)
}

impl From<Role> for pb::Role {
    fn from(role: Role) -> Self {
        let Role { id, slug, is_system, draft, user_count, version, created_at, updated_at } = role;
        Self {
            id: id.to_string(),
            slug,
            name: draft.name,
            is_system,
            permissions: draft.permissions.words(),
            user_count,
            created_at: Some(proto::timestamp(created_at)),
            updated_at: Some(proto::timestamp(updated_at)),
            etag: etag(version),
        }
    }
}

impl From<Word> for pb::Permission {
    fn from(word: Word) -> Self {
        let Word { word, domain, action } = word;
        Self { word, domain, action }
    }
}
