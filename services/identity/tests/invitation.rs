//! Invitations.

use proto::identity::v1 as pb;
use proto::identity::v1::invitation_service_client::InvitationServiceClient;
use proto::identity::v1::user_service_client::UserServiceClient;
use tonic::{Code, Status};

use crate::staff::{
    ALL, PASSWORD, accept, after_seconds, archive, change, disable, enable, hire, invite, open, reason, sign_in,
    token_of_letter, try_sign_in,
};

const WEEK: i64 = 7 * 86_400;

async fn invite_again(house: &testing::House<identity::Identity>, id: &str) -> Result<pb::User, Status> {
    let request = pb::InviteUserRequest { id: id.to_owned() };
    Ok(UserServiceClient::new(house.user(&ALL)).invite_user(request).await?.into_inner().user.unwrap())
}

#[tokio::test]
async fn who_is_invited_chooses_a_password_and_is_active() {
    let house = open().await;
    let user = invite(&house, "ida@shop.test", &["sales_associate"]).await;
    assert_eq!(user.state(), pb::user::State::Invited);
    assert_eq!(reason(&try_sign_in(&house, "ida@shop.test", PASSWORD).await.unwrap_err()), "SIGN_IN_REFUSED");
    let token = token_of_letter(&house, "ida@shop.test").await;
    assert_eq!(token.len(), 43, "256 bits in base64url");

    for (password, why) in [("Password1", "PASSWORD_TOO_COMMON"), ("short77", "INVALID")] {
        assert_eq!(reason(&accept(&house, &token, password).await.unwrap_err()), why, "{password}");
    }
    assert_eq!(accept(&house, &token, PASSWORD).await.unwrap(), "ida@shop.test");
    let signed_in = sign_in(&house, "ida@shop.test").await.user.unwrap();
    assert_eq!((signed_in.id.as_str(), signed_in.state()), (user.id.as_str(), pb::user::State::Active));
    let told = house.events::<pb::UserChanged>().await;
    assert_eq!(told.iter().map(|told| told.version).collect::<Vec<_>>(), [1, 2]);
    let again = accept(&house, &token, "another violin").await.unwrap_err();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::Unauthenticated, "INVITATION_REFUSED"));

    let mut sql = house.sql().await;
    let (id, name): (String, String) = sqlx::query_as(
        "select actor_id::text, actor_name from audit where action like '%AcceptInvitation' and subject_kind = 'user'",
    )
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!((id.as_str(), name.as_str()), (user.id.as_str(), "Ida Berg"), "it is the user's own doing");
    let kept: i64 = sqlx::query_scalar(
        "select (select count(*) from invitation where position(convert_to($1, 'UTF8') in hash) > 0) +
                (select count(*) from audit where after::text like '%' || $1 || '%') +
                (select count(*) from outbox where position(convert_to($1, 'UTF8') in body) > 0)",
    )
    .bind(&token)
    .fetch_one(&mut sql)
    .await
    .unwrap();
    assert_eq!(kept, 0, "the token is in the letter and nowhere else");
}

#[tokio::test]
async fn i9_of_twenty_who_open_one_invitation_one_does() {
    let house = open().await;
    for round in 0..5 {
        let email = format!("ida{round}@shop.test");
        invite(&house, &email, &["viewer"]).await;
        let token = token_of_letter(&house, &email).await;
        let mut tries = tokio::task::JoinSet::new();
        for n in 0..20 {
            let mut client = InvitationServiceClient::new(house.nobody());
            let password = format!("violin number {n}");
            let request = pb::AcceptInvitationRequest { token: token.clone(), password: password.clone() };
            tries.spawn(async move { client.accept_invitation(request).await.map(|_| password) });
        }
        let opened: Vec<String> = tries.join_all().await.into_iter().flatten().collect();
        assert_eq!(opened.len(), 1, "round {round}");
        assert!(try_sign_in(&house, &email, &opened[0]).await.is_ok(), "the password is that of the one");
        after_seconds(&house, 60);
    }
}

#[tokio::test]
async fn an_invitation_ends_with_its_week_and_with_the_next_one() {
    let house = open().await;
    let user = invite(&house, "ida@shop.test", &["viewer"]).await;
    let first = token_of_letter(&house, "ida@shop.test").await;
    invite_again(&house, &user.id).await.unwrap();
    let second = token_of_letter(&house, "ida@shop.test").await;
    assert_eq!(reason(&accept(&house, &first, PASSWORD).await.unwrap_err()), "INVITATION_REFUSED");
    after_seconds(&house, WEEK);
    assert_eq!(reason(&accept(&house, &second, PASSWORD).await.unwrap_err()), "INVITATION_REFUSED");
    invite_again(&house, &user.id).await.unwrap();
    after_seconds(&house, WEEK - 1);
    let third = token_of_letter(&house, "ida@shop.test").await;
    assert!(accept(&house, &third, PASSWORD).await.is_ok());
    assert_eq!(reason(&invite_again(&house, &user.id).await.unwrap_err()), "USER_NOT_INVITED");
}

#[tokio::test]
async fn an_invitation_to_the_wrong_address_opens_nothing() {
    let house = open().await;
    let user = invite(&house, "wrong@shop.test", &["viewer"]).await;
    let wrong = token_of_letter(&house, "wrong@shop.test").await;
    let right = pb::User { email: "ida@shop.test".to_owned(), ..user.clone() };
    change(house.user(&ALL), right, &["email"]).await.unwrap();
    assert_eq!(reason(&accept(&house, &wrong, PASSWORD).await.unwrap_err()), "INVITATION_REFUSED");
    let token = token_of_letter(&house, "ida@shop.test").await;
    assert_eq!(accept(&house, &token, PASSWORD).await.unwrap(), "ida@shop.test");
}

#[tokio::test]
async fn an_invitation_is_withdrawn_with_its_user() {
    let house = open().await;
    for archived in [false, true] {
        let email = format!("ida-{archived}@shop.test");
        let user = invite(&house, &email, &["viewer"]).await;
        let token = token_of_letter(&house, &email).await;
        if archived {
            archive(&house, &user.id).await.unwrap();
        } else {
            disable(&house, &user.id).await.unwrap();
            assert_eq!(enable(&house, &user.id).await.unwrap().state(), pb::user::State::Invited);
        }
        assert_eq!(reason(&accept(&house, &token, PASSWORD).await.unwrap_err()), "INVITATION_REFUSED");
    }
    let boss = hire(&house, "boss@shop.test", &["admin"]).await;
    let modest = UserServiceClient::new(house.user(&["identity.admin"]))
        .invite_user(pb::InviteUserRequest { id: boss.id })
        .await
        .unwrap_err();
    assert_eq!(reason(&modest), "USER_NOT_INVITED");
}
