//! I2: somebody active may always do everything.

use identity::Identity;
use proto::identity::v1 as pb;
use proto::identity::v1::user_service_client::UserServiceClient;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use testing::House;
use tonic::{Code, Status};

use crate::staff::{ALL, archive, disable, give, hire, open, reason};

const ROUNDS: usize = 50;
const ADMIN: &str = "01900000-0000-7000-9000-000000000001";

/// The ways in which an administrator ceases to be one.
async fn remove(house: &House<Identity>, id: &str, way: usize) -> Result<pb::User, Status> {
    match way % 3 {
        0 => disable(house, id).await,
        1 => archive(house, id).await,
        _ => give(house, id, &["viewer"]).await,
    }
}

#[tokio::test]
async fn i2_of_two_who_each_remove_one_of_the_last_two_owners_one_succeeds() {
    let house = open().await;
    let mut last = hire(&house, "first@shop.test", &["admin"]).await;
    for round in 0..ROUNDS {
        let other = hire(&house, &format!("admin{round}@shop.test"), &["admin", "viewer"]).await;
        let (one, two) = tokio::join!(remove(&house, &last.id, round), remove(&house, &other.id, round / 3));
        let refused = match (&one, &two) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
            both => panic!("round {round}: {both:?}"),
        };
        assert_eq!((refused.code(), reason(refused).as_str()), (Code::FailedPrecondition, "LAST_ADMIN"), "{round}");
        last = if one.is_ok() { other } else { last };
    }
    let request = pb::ListUsersRequest {
        state: Some(pb::user::State::Active.into()),
        role: Some("admin".to_owned()),
        ..Default::default()
    };
    let left = UserServiceClient::new(house.user(&ALL)).list_users(request).await.unwrap().into_inner().data;
    assert_eq!(left.iter().map(|user| &user.id).collect::<Vec<_>>(), [&last.id]);
    for way in 0..3 {
        assert_eq!(reason(&remove(&house, &last.id, way).await.unwrap_err()), "LAST_ADMIN");
    }
}

#[tokio::test]
async fn i2_the_database_refuses_it_too_whatever_the_code_forgets() {
    let house = open().await;
    let ids = [
        hire(&house, "one@shop.test", &["admin", "viewer"]).await.id,
        hire(&house, "two@shop.test", &["admin", "viewer"]).await.id,
    ];
    let way = |id: &str, way: usize| {
        AssertSqlSafe(match way % 3 {
            0 => format!("update app_user set state = 'disabled' where id = '{id}'"),
            1 => format!("delete from user_role where user_id = '{id}'"),
            _ => format!(
                "update user_role set role_id = '01900000-0000-7000-9000-000000000005'
                           where user_id = '{id}' and role_id = '{ADMIN}'"
            ),
        })
    };
    let mut admin = house.sql().await;
    admin.execute("grant update on user_role to identity_rt").await.unwrap();
    let mut sessions = Vec::new();
    for _ in 0..2 {
        sessions.push(PgConnection::connect(&house.db.url()).await.unwrap());
    }
    for round in 0..ROUNDS {
        let [one, two] = sessions.as_mut_slice() else { panic!("two sessions") };
        let (one, two) = tokio::join!(one.execute(way(&ids[0], round)), two.execute(way(&ids[1], round / 3)));
        let refused = match (one, two) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
            both => panic!("round {round}: {both:?}"),
        };
        assert_eq!(refused.as_database_error().unwrap().constraint(), Some("app_user_last_admin"), "round {round}");
        admin.execute("update app_user set state = 'active'").await.unwrap();
        admin.execute("delete from user_role where role_id = '01900000-0000-7000-9000-000000000005'").await.unwrap();
        let restore = format!("insert into user_role select id, '{ADMIN}' from app_user on conflict do nothing");
        admin.execute(AssertSqlSafe(restore)).await.unwrap();
    }
}
