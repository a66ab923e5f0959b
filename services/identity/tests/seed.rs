//! The demo's share of identity.

use kit::Service;
use proto::identity::v1 as pb;
use proto::identity::v1::api_key_service_client::ApiKeyServiceClient;
use proto::identity::v1::auth_service_client::AuthServiceClient;
use proto::identity::v1::pin_service_client::PinServiceClient;
use proto::identity::v1::shop_service_client::ShopServiceClient;
use proto::identity::v1::user_service_client::UserServiceClient;
use types::id::demo_id;
use types::uuid::Uuid;

use crate::staff::{ALL, open, try_sign_in};

#[tokio::test]
async fn the_demo_has_a_shop_two_locations_and_staff_of_every_role() {
    let house = open().await;
    for _ in 0..2 {
        house.service.seed().await.unwrap();
    }
    let shop = ShopServiceClient::new(house.user(&ALL)).get_shop(pb::GetShopRequest {}).await.unwrap().into_inner();
    let shop = shop.shop.unwrap();
    assert_eq!((shop.name.as_str(), shop.currency.as_str()), ("Harmony Music", "USD"));
    let locations: Vec<String> =
        house.events::<pb::LocationChanged>().await.into_iter().map(|told| told.location.unwrap().id).collect();
    assert_eq!(locations, [demo_id(1, 1).to_string(), demo_id(1, 2).to_string()]);

    for (name, n, role) in
        [("owner", 1, "admin"), ("manager", 2, "manager"), ("clerk", 3, "sales_associate"), ("viewer", 4, "viewer")]
    {
        let user = try_sign_in(&house, &format!("{name}@demo.test"), "lunarfront-demo").await.unwrap().user.unwrap();
        assert_eq!((user.id, user.roles), (demo_id(2, n).to_string(), vec![role.to_owned()]));
    }
    for name in ["technician", "instructor", "ada.quinn"] {
        assert!(try_sign_in(&house, &format!("{name}@demo.test"), "lunarfront-demo").await.is_err(), "{name}");
    }
    let mut owner = UserServiceClient::new(house.user(&ALL));
    for role in ["admin", "manager", "sales_associate", "technician", "instructor", "viewer"] {
        let request = pb::ListUsersRequest { role: Some(role.to_owned()), ..Default::default() };
        assert!(owner.list_users(request).await.unwrap().into_inner().pagination.unwrap().total >= 2, "{role}");
    }
    assert_eq!(house.events::<pb::UserChanged>().await.len(), 24);
    assert_eq!(house.events::<pb::ShopChanged>().await.len(), 2);
}

#[tokio::test]
async fn the_demos_clerk_and_manager_take_over_a_till_and_no_program_comes_in() {
    let house = open().await;
    for _ in 0..2 {
        house.service.seed().await.unwrap();
    }
    let till = Uuid::now_v7().to_string();
    let full = pb::LoginRequest {
        email: "owner@demo.test".to_owned(),
        password: "lunarfront-demo".to_owned(),
        device_id: Some(till.clone()),
        ..Default::default()
    };
    AuthServiceClient::new(house.nobody()).login(full).await.unwrap();
    // The numbers and PINs that the runner prints.
    for (number, pin, n) in [("1002", "1379", 2), ("1003", "2580", 3)] {
        let request =
            pb::PinLoginRequest { employee_number: number.to_owned(), pin: pin.to_owned(), device_id: till.clone() };
        let session = PinServiceClient::new(house.nobody()).pin_login(request).await.unwrap().into_inner();
        assert_eq!(session.user.unwrap().id, demo_id(2, n).to_string());
    }
    let (pins, tries): (i64, i64) = sqlx::query_as("select count(*), sum(failures)::bigint from pin")
        .fetch_one(&mut house.sql().await)
        .await
        .unwrap();
    assert_eq!((pins, tries), (2, 0));
    let mut owner = ApiKeyServiceClient::new(house.user(&ALL));
    let keys = owner.list_api_keys(pb::ListApiKeysRequest::default()).await.unwrap().into_inner();
    assert_eq!(keys.data, [], "whoever wants one makes it");
}
