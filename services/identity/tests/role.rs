//! Roles.

use proto::identity::v1 as pb;
use proto::identity::v1::role_service_client::RoleServiceClient;
use testing::list_behaves;

use crate::staff::{ALL, hire, open};

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
    for sort in ["", "name", "slug"] {
        let request = pb::ListRolesRequest { sort: sort.to_owned(), q: "manag".to_owned(), ..Default::default() };
        assert_eq!(viewer.list_roles(request).await.unwrap().into_inner().data[0].slug, "manager");
    }
}

#[tokio::test]
async fn a_role_holds_only_permissions_that_exist() {
    use sqlx::Executor;
    let house = open().await;
    let mut sql = house.sql().await;
    let role = "01900000-0000-7000-9000-000000000006";
    for word in ["pos.fly", "nothing.view", "audit"] {
        let statement = format!("insert into role_permission (role_id, permission) values ('{role}', '{word}')");
        assert!(sql.execute(sqlx::AssertSqlSafe(statement)).await.is_err(), "{word}");
    }
}
