//! What a clerk may not do alone.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use kit::auth::ApprovalClaims;
use proto::pos::v1 as pb;
use testing::{AUDIENCE, ISSUER, claims};
use uuid::Uuid;

use crate::counter::{CLERK, Shop1, cash, reason};

const VOID: &str = "pos.v1.SaleService/VoidSale";

/// A clerk, his token, and a sale of his that was completed.
async fn sold(shop: &Shop1) -> (Uuid, String, String) {
    let clerk = Uuid::now_v7();
    let token = shop.house.keys.sign(&claims(clerk, CLERK));
    let item = shop.shelf.product(2_500);
    let sale = shop.sell(shop.cart(&[&item], vec![cash(2_500)])).await.unwrap();
    (clerk, token, sale.id)
}

#[tokio::test]
async fn e6_a_clerk_gives_money_back_with_an_approval_and_both_are_recorded() {
    let shop = Shop1::open().await;
    shop.open_drawer(10_000).await;
    let (clerk, token, sale) = sold(&shop).await;
    let refused = shop.void_with(&token, "", &sale).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (tonic::Code::PermissionDenied, "APPROVAL_NEEDED"));

    let manager = Uuid::now_v7();
    let approval = shop.house.keys.approval(clerk, manager, VOID, &sale);
    let voided = shop.void_with(&token, &approval, &sale).await.unwrap();
    assert_eq!((voided.state(), voided.voided_by), (pb::sale::State::Voided, Some(clerk.to_string())));
    let recorded: (Uuid, Uuid) = sqlx::query_as("select actor_id, approver_id from audit where action = $1")
        .bind(VOID)
        .fetch_one(&mut shop.house.sql().await)
        .await
        .unwrap();
    assert_eq!(recorded, (clerk, manager));
}

#[tokio::test]
async fn a_clerk_gives_up_a_draft_alone_and_a_manager_needs_nobody() {
    let shop = Shop1::open().await;
    shop.open_drawer(10_000).await;
    let (_, token, sale) = sold(&shop).await;
    let item = shop.shelf.product(2_500);
    let draft = pb::CreateSaleRequest { complete: false, ..shop.cart(&[&item], Vec::new()) };
    let draft = shop.sell(draft).await.unwrap();
    assert!(shop.void_with(&token, "", &draft.id).await.is_ok());
    assert!(shop.void(&sale).await.is_ok());
    let used: i64 =
        sqlx::query_scalar("select count(*) from approval_used").fetch_one(&mut shop.house.sql().await).await.unwrap();
    assert_eq!(used, 0);
}

#[tokio::test]
async fn i6_an_approval_is_for_one_person_one_action_and_one_sale_by_another() {
    let shop = Shop1::open().await;
    shop.open_drawer(10_000).await;
    let (clerk, token, sale) = sold(&shop).await;
    let (manager, other) = (Uuid::now_v7(), Uuid::now_v7());
    let keys = &shop.house.keys;
    let now = chrono::Utc::now();
    let genuine = ApprovalClaims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: clerk,
        iat: now.timestamp(),
        ims: now.timestamp_millis(),
        nbf: now.timestamp(),
        exp: now.timestamp() + 300,
        jti: Uuid::now_v7(),
        approver: manager,
        action: VOID.to_owned(),
        resource: sale.clone(),
        permission: "pos.admin".to_owned(),
    };
    let with = |change: fn(&mut ApprovalClaims)| {
        let mut claims = genuine.clone();
        change(&mut claims);
        keys.sign_approval(&claims)
    };
    for (why, approval) in [
        ("for another", keys.approval(other, manager, VOID, &sale)),
        ("by himself", keys.approval(clerk, clerk, VOID, &sale)),
        ("for another sale", keys.approval(clerk, manager, VOID, &other.to_string())),
        ("for another action", with(|claims| claims.action = "pos.v1.SaleService/CompleteSale".to_owned())),
        ("by somebody who may not", with(|claims| claims.permission = "pos.edit".to_owned())),
        ("from a while ago", with(|claims| claims.exp -= 400)),
        ("for another shop", with(|claims| claims.aud = "https://other.test".to_owned())),
        ("an access token", keys.token(&["pos.admin"])),
        ("nonsense", "x.y.z".to_owned()),
    ] {
        let refused = shop.void_with(&token, &approval, &sale).await.unwrap_err();
        assert_eq!(reason(&refused), "APPROVAL_NEEDED", "{why}");
    }
    let opens_no_door = shop.void_with(&keys.approval(clerk, manager, VOID, &sale), "", &sale).await.unwrap_err();
    assert_eq!(opens_no_door.code(), tonic::Code::Unauthenticated);
    assert!(shop.void_with(&token, &keys.sign_approval(&genuine), &sale).await.is_ok());
}

#[tokio::test]
async fn twenty_uses_of_an_approval_at_once_have_one_effect() {
    let shop = std::sync::Arc::new(Shop1::open().await);
    shop.open_drawer(10_000).await;
    let (clerk, token, sale) = sold(&shop).await;
    let approval = shop.house.keys.approval(clerk, Uuid::now_v7(), VOID, &sale);
    let mut uses = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (shop, token, approval, sale) =
            (std::sync::Arc::clone(&shop), token.clone(), approval.clone(), sale.clone());
        uses.spawn(async move { shop.void_with(&token, &approval, &sale).await });
    }
    let done = uses.join_all().await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1);
    assert_eq!(shop.house.events::<pb::SaleVoided>().await.len(), 1);
    let used: i64 =
        sqlx::query_scalar("select count(*) from approval_used").fetch_one(&mut shop.house.sql().await).await.unwrap();
    assert_eq!(used, 1);
}
