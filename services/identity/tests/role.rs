//! Roles.

use proto::identity::v1 as pb;
use proto::identity::v1::permission_service_client::PermissionServiceClient;
use proto::identity::v1::role_service_client::RoleServiceClient;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use testing::list_behaves;
use tonic::Code;

use crate::staff::{ALL, fill_role, give, hire, make_role, mask, open, reason};

const VIEWER: &str = "01900000-0000-7000-9000-000000000006";

#[tokio::test]
async fn there_are_six_system_roles_with_their_rights() {
    let house = open().await;
    let answer = RoleServiceClient::new(house.user(&[])).list_all_roles(pb::ListAllRolesRequest {}).await;
    let roles = answer.unwrap().into_inner().data;
    let shown: Vec<String> =
        roles.iter().map(|role| format!("{} {} {}", role.slug, role.is_system, role.permissions.join(" "))).collect();
    insta::assert_snapshot!(shown.join("\n"));
    let admin = roles.iter().find(|role| role.slug == "admin").unwrap();
    assert!(ALL.iter().all(|word| admin.permissions.iter().any(|held| held == word)));
}

#[tokio::test]
async fn roles_add_up() {
    let house = open().await;
    let user = hire(&house, "both@shop.test", &["viewer", "sales_associate"]).await;
    assert_eq!(user.roles, ["sales_associate", "viewer"]);
    assert_eq!(user.permissions, ["accounts.edit", "identity.view", "inventory.view", "ledger.view", "pos.edit"]);
}

#[tokio::test]
async fn the_list_of_roles_behaves() {
    let house = open().await;
    list_behaves(house.user(&["identity.view"]), "identity.v1.RoleService/ListRoles", &[]).await;
    let mut viewer = RoleServiceClient::new(house.user(&["identity.view"]));
    for sort in ["", "name", "slug", "createdAt", "updated_at"] {
        let request = pb::ListRolesRequest { sort: sort.to_owned(), q: "manag".to_owned(), ..Default::default() };
        assert_eq!(viewer.list_roles(request).await.unwrap().into_inner().data[0].slug, "manager");
    }
}

#[tokio::test]
async fn a_shop_makes_roles_of_its_own() {
    let house = open().await;
    let mut role = make_role(house.user(&ALL), "tuner", &["repairs.view", "repairs.edit", "pos.view"]).await.unwrap();
    assert_eq!((role.is_system, role.user_count, role.etag.as_str()), (false, 0, "1"));
    assert_eq!(role.permissions, ["pos.view", "repairs.edit"], "the strongest of each domain");
    assert_eq!(reason(&make_role(house.user(&ALL), "tuner", &[]).await.unwrap_err()), "ROLE_SLUG_TAKEN");

    role.name = "Piano tuner".to_owned();
    let mut admin = RoleServiceClient::new(house.user_with(&ALL, &[("if-match", "1")]));
    let request = pb::UpdateRoleRequest { role: Some(role.clone()), update_mask: Some(mask(&["name"])) };
    let renamed = admin.update_role(request.clone()).await.unwrap().into_inner().role.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.etag.as_str()), ("Piano tuner", "2"));
    assert_eq!(reason(&admin.update_role(request).await.unwrap_err()), "ROLE_CHANGED");
    let slug = pb::UpdateRoleRequest { role: Some(role.clone()), update_mask: Some(mask(&["slug"])) };
    assert_eq!(admin.update_role(slug).await.unwrap_err().code(), Code::InvalidArgument);
    let mut viewer = RoleServiceClient::new(house.user(&["identity.view"]));
    let found = viewer.get_role(pb::GetRoleRequest { id: role.id.clone() }).await.unwrap().into_inner().role.unwrap();
    assert_eq!(found, renamed);
    let missing = pb::GetRoleRequest { id: types::uuid::Uuid::now_v7().to_string() };
    assert_eq!(reason(&viewer.get_role(missing).await.unwrap_err()), "ROLE_NOT_FOUND");
    let told = house.events::<pb::RoleChanged>().await;
    assert_eq!(told.iter().map(|told| told.version).collect::<Vec<_>>(), [1, 2]);
    let audited = house.audited().await;
    assert_eq!(audited.iter().filter(|(_, kind)| kind == "role").count(), 2, "{audited:?}");
}

#[tokio::test]
async fn a_role_that_somebody_has_is_not_deleted() {
    let house = open().await;
    let role = make_role(house.user(&ALL), "tuner", &["repairs.edit"]).await.unwrap();
    let user = hire(&house, "ada@shop.test", &["tuner", "viewer"]).await;
    let mut admin = RoleServiceClient::new(house.user(&ALL));
    let request = pb::DeleteRoleRequest { id: role.id.clone() };
    let refused = admin.delete_role(request.clone()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ROLE_IN_USE"));
    give(&house, &user.id, &["viewer"]).await.unwrap();
    admin.delete_role(request.clone()).await.unwrap();
    assert_eq!(reason(&admin.delete_role(request).await.unwrap_err()), "ROLE_NOT_FOUND");
    assert_eq!(house.events::<pb::RoleDeleted>().await[0].slug, "tuner");

    for round in 0..20 {
        let role = make_role(house.user(&ALL), "short_lived", &["pos.view"]).await.unwrap();
        let mut admin = RoleServiceClient::new(house.user(&ALL));
        let deleted = admin.delete_role(pb::DeleteRoleRequest { id: role.id.clone() });
        let (deleted, given) = tokio::join!(deleted, give(&house, &user.id, &["viewer", "short_lived"]));
        assert_ne!(deleted.is_ok(), given.is_ok(), "round {round}: {deleted:?} {given:?}");
        if given.is_ok() {
            give(&house, &user.id, &["viewer"]).await.unwrap();
            RoleServiceClient::new(house.user(&ALL)).delete_role(pb::DeleteRoleRequest { id: role.id }).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_roles_of_the_system_stay_as_they_are() {
    let house = open().await;
    let mut admin = RoleServiceClient::new(house.user(&ALL));
    let refused = fill_role(house.user(&ALL), VIEWER, &["pos.admin"]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ROLE_OF_SYSTEM"));
    let refused = admin.delete_role(pb::DeleteRoleRequest { id: VIEWER.to_owned() }).await.unwrap_err();
    assert_eq!(reason(&refused), "ROLE_OF_SYSTEM");

    let mut runtime = PgConnection::connect(&house.db.url()).await.unwrap();
    for statement in [
        format!("update role set name = 'X' where id = '{VIEWER}'"),
        format!("delete from role where id = '{VIEWER}'"),
        format!("delete from role_permission where role_id = '{VIEWER}'"),
        format!("insert into role_permission (role_id, permission) values ('{VIEWER}', 'pos.admin')"),
        "insert into role (id, slug, name, is_system) values (gen_random_uuid(), 'x', 'X', true)".to_owned(),
    ] {
        let refused = runtime.execute(AssertSqlSafe(statement.clone())).await.unwrap_err();
        let constraint = refused.as_database_error().unwrap().constraint();
        assert_eq!(constraint, Some("role_system_check"), "{statement}");
    }
}

#[tokio::test]
async fn i7_there_are_no_permissions_beside_the_registry() {
    let house = open().await;
    let refused = make_role(house.user(&ALL), "odd", &["pos.view", "pos.fly", "nothing.view"]).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID"));
    let mut sql = house.sql().await;
    for word in ["pos.fly", "nothing.view", "audit"] {
        let statement = format!("insert into role_permission (role_id, permission) values ('{VIEWER}', '{word}')");
        assert!(sql.execute(AssertSqlSafe(statement)).await.is_err(), "{word}");
    }
    let mut runtime = PgConnection::connect(&house.db.url()).await.unwrap();
    let added = runtime.execute("insert into permission (word) values ('magic.admin')").await;
    assert!(added.is_err(), "only a migration adds to the registry");

    list_behaves(house.user(&["identity.view"]), "identity.v1.PermissionService/ListPermissions", &[]).await;
    let mut viewer = PermissionServiceClient::new(house.user(&["identity.view"]));
    let request = pb::ListPermissionsRequest { q: "pos.".to_owned(), ..Default::default() };
    let words = viewer.list_permissions(request).await.unwrap().into_inner().data;
    assert_eq!(words.iter().map(|word| word.word.as_str()).collect::<Vec<_>>(), ["pos.admin", "pos.edit", "pos.view"]);
    for rpc in proto::RPCS {
        let proto::Access::Permission(word) = rpc.access else { continue };
        let request = pb::ListPermissionsRequest { q: word.to_owned(), ..Default::default() };
        let found = viewer.list_permissions(request).await.unwrap().into_inner().data;
        assert!(found.iter().any(|known| known.word == word), "{} demands {word}, which nobody could hold", rpc.path);
    }
}
