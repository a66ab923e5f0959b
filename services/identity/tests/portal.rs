//! Portal users: customers who sign in, and how they follow what accounts told.

use db::Subject;
use identity::Identity;
use proto::accounts::v1 as accounts;
use proto::accounts::v1::responsible_adult::Power;
use proto::common::v1::TellPersonalDataRequest;
use proto::common::v1::personal_data_source_service_client::PersonalDataSourceServiceClient;
use proto::identity::v1 as pb;
use proto::identity::v1::portal_user_service_client::PortalUserServiceClient;
use proto::identity::v1::shop_service_client::ShopServiceClient;
use proto::identity::v1::user_service_client::UserServiceClient;
use testing::{House, list_behaves};
use tonic::{Code, Status};
use types::uuid::Uuid;

use crate::staff::{
    ALL, PASSWORD, accept, disable, give, hire, me, open, reason, refresh, sign_in, token_of_letter, try_hire,
};

/// A customer, as accounts tells of him.
#[derive(Clone)]
struct Customer {
    id: Uuid,
    account: Uuid,
    name: &'static str,
    is_minor: bool,
    state: accounts::member::State,
    version: i64,
}

impl Customer {
    fn new(name: &'static str) -> Self {
        let (id, account) = (Uuid::now_v7(), Uuid::now_v7());
        Self { id, account, name, is_minor: false, state: accounts::member::State::Active, version: 1 }
    }

    fn email(&self) -> String {
        format!("{}@home.test", self.name.to_lowercase())
    }
}

/// identity hears how the customer is by now.
async fn told(house: &House<Identity>, customer: &Customer) {
    let member = accounts::Member {
        id: customer.id.to_string(),
        account_id: customer.account.to_string(),
        first_name: customer.name.to_owned(),
        last_name: "Moser".to_owned(),
        email: Some(customer.email()),
        is_minor: customer.is_minor,
        state: customer.state.into(),
        ..Default::default()
    };
    let event = accounts::MemberChanged { member: Some(member), version: customer.version };
    house.hears_about(Subject { id: customer.id, version: customer.version }, &event).await.unwrap();
}

async fn told_guardian(
    house: &House<Identity>,
    (id, version): (Uuid, i64),
    child: &Customer,
    adult: &Customer,
    powers: &[Power],
) {
    let responsible_adult = accounts::ResponsibleAdult {
        id: id.to_string(),
        member_id: child.id.to_string(),
        adult_id: adult.id.to_string(),
        powers: powers.iter().map(|power| i32::from(*power)).collect(),
        state: accounts::responsible_adult::State::Active.into(),
        ..Default::default()
    };
    let event = accounts::ResponsibleAdultChanged { responsible_adult: Some(responsible_adult), version };
    house.hears_about(Subject { id, version }, &event).await.unwrap();
}

async fn told_account(house: &House<Identity>, id: Uuid, version: i64, state: accounts::account::State) {
    let account = accounts::Account { id: id.to_string(), state: state.into(), ..Default::default() };
    let event = accounts::AccountChanged { account: Some(account), version };
    house.hears_about(Subject { id, version }, &event).await.unwrap();
}

pub(crate) async fn invite(
    house: &House<Identity>,
    member: Uuid,
    email: Option<&str>,
) -> Result<pb::PortalUser, Status> {
    let request = pb::CreatePortalUserRequest { member_id: member.to_string(), email: email.map(str::to_owned) };
    let mut clerk = PortalUserServiceClient::new(house.user(&["accounts.edit"]));
    Ok(clerk.create_portal_user(request).await?.into_inner().portal_user.unwrap())
}

pub(crate) async fn get(house: &House<Identity>, id: &str) -> pb::PortalUser {
    let request = pb::GetPortalUserRequest { id: id.to_owned() };
    let mut clerk = PortalUserServiceClient::new(house.user(&["accounts.view"]));
    clerk.get_portal_user(request).await.unwrap().into_inner().portal_user.unwrap()
}

/// A customer whom identity has heard of, and who has signed in.
async fn signed_in(house: &House<Identity>, customer: &Customer) -> (pb::PortalUser, pb::LoginResponse) {
    told(house, customer).await;
    let user = invite(house, customer.id, None).await.unwrap();
    let token = token_of_letter(house, &customer.email()).await;
    accept(house, &token, PASSWORD).await.unwrap();
    (user, sign_in(house, &customer.email()).await)
}

/// A customer who can sign in.
pub(crate) async fn customer(house: &House<Identity>) -> pb::PortalUser {
    signed_in(house, &Customer::new("Anna")).await.0
}

async fn enable(house: &House<Identity>, id: &str) -> Result<pb::PortalUser, Status> {
    let request = pb::EnablePortalUserRequest { id: id.to_owned() };
    let mut clerk = PortalUserServiceClient::new(house.user(&["accounts.edit"]));
    Ok(clerk.enable_portal_user(request).await?.into_inner().portal_user.unwrap())
}

#[tokio::test]
async fn a_member_is_invited_and_signs_in_without_any_right_of_the_staff() {
    let house = open().await;
    let nobody = invite(&house, Uuid::now_v7(), Some("x@home.test")).await.unwrap_err();
    assert_eq!((nobody.code(), reason(&nobody).as_str()), (Code::NotFound, "MEMBER_NOT_FOUND"));
    let anna = Customer::new("Anna");
    let (user, session) = signed_in(&house, &anna).await;
    assert_eq!((user.state(), user.member_id.as_str()), (pb::user::State::Invited, anna.id.to_string().as_str()));
    assert_eq!(user.acts_for, [anna.id.to_string()]);
    assert_eq!(reason(&invite(&house, anna.id, Some("b@home.test")).await.unwrap_err()), "MEMBER_HAS_PORTAL_USER");

    let known = me(&house, &session.access_token).await.unwrap();
    assert_eq!((known.permissions.len(), known.roles.len(), known.employee_number), (0, 0, None));
    assert_eq!((known.member_id, known.acts_for), (Some(anna.id.to_string()), vec![anna.id.to_string()]));
    let voice = || house.token(&session.access_token);
    assert!(ShopServiceClient::new(voice()).get_shop(pb::GetShopRequest {}).await.is_ok());
    let staff = UserServiceClient::new(voice()).list_all_users(pb::ListAllUsersRequest {}).await.unwrap_err();
    assert_eq!((staff.code(), reason(&staff).as_str()), (Code::PermissionDenied, "STAFF_ONLY"));
    let users = UserServiceClient::new(voice()).list_users(pb::ListUsersRequest::default()).await.unwrap_err();
    assert_eq!(reason(&users), "PERMISSION_DENIED");

    let told = house.events::<pb::PortalUserChanged>().await;
    assert_eq!(told.iter().map(|told| told.version).collect::<Vec<_>>(), [1, 2]);
    assert!(house.events::<pb::UserChanged>().await.is_empty(), "the staff is somebody else");
}

#[tokio::test]
async fn i8_a_customer_can_never_hold_a_role() {
    let house = open().await;
    let (user, _) = signed_in(&house, &Customer::new("Anna")).await;
    let staff = hire(&house, "ada@shop.test", &["viewer"]).await;
    for refused in [give(&house, &user.id, &["viewer"]).await, disable(&house, &user.id).await] {
        assert_eq!(reason(&refused.unwrap_err()), "USER_NOT_FOUND", "who manages the staff does not see customers");
    }
    let as_customer = pb::DisablePortalUserRequest { id: staff.id.clone() };
    let refused = PortalUserServiceClient::new(house.user(&ALL)).disable_portal_user(as_customer).await.unwrap_err();
    assert_eq!(reason(&refused), "PORTAL_USER_NOT_FOUND");
    let listed = UserServiceClient::new(house.user(&ALL)).list_users(pb::ListUsersRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().data.iter().map(|user| &user.id).collect::<Vec<_>>(), [&staff.id]);

    let mut sql = house.sql().await;
    for (statement, constraint) in [
        ("insert into user_role select $1, id from role limit 1", "user_role_staff_fkey"),
        ("insert into user_role select $1, id, 'portal' from role limit 1", "user_role_kind_check"),
        (
            "update app_user set kind = 'staff', member_id = null, employee_number = 9 where id = $1",
            "app_user_kind_fixed",
        ),
        ("update app_user set member_id = null where id = $1", "app_user_member_check"),
        ("update app_user set member_id = gen_random_uuid() where id = $1", "app_user_member_id_fkey"),
    ] {
        let id: Uuid = user.id.parse().unwrap();
        let refused = sqlx::query(statement).bind(id).execute(&mut sql).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().constraint(), Some(constraint), "{statement}");
    }
}

#[tokio::test]
async fn who_works_here_and_buys_here_is_two_users_and_neither_flows_into_the_other() {
    let house = open().await;
    let manager = hire(&house, "anna@shop.test", &["manager"]).await;
    let anna = Customer::new("Anna");
    let (customer, portal) = signed_in(&house, &anna).await;
    let work = sign_in(&house, "anna@shop.test").await;
    assert_ne!(manager.id, customer.id);
    let (at_work, at_home) =
        (me(&house, &work.access_token).await.unwrap(), me(&house, &portal.access_token).await.unwrap());
    assert_eq!((at_work.member_id, at_work.acts_for.len()), (None, 0), "work shows nothing of the customer");
    assert!(at_home.permissions.is_empty(), "being a manager opens nothing in the portal");
    give(&house, &manager.id, &["admin"]).await.unwrap();
    let portal = refresh(&house, &portal.refresh_token).await.unwrap();
    assert!(me(&house, &portal.access_token).await.unwrap().permissions.is_empty());
    disable(&house, &manager.id).await.unwrap_err();
    hire(&house, "other@shop.test", &["admin"]).await;
    disable(&house, &manager.id).await.unwrap();
    assert!(me(&house, &portal.access_token).await.is_ok(), "who leaves the shop may go on buying");

    let same = try_hire(house.user(&ALL), &anna.email(), &["viewer"], PASSWORD).await.unwrap_err();
    assert_eq!(reason(&same), "EMAIL_TAKEN", "one address signs in one of them");
}

#[tokio::test]
async fn an_archived_member_is_out_at_once_and_returns_only_when_somebody_says_so() {
    let house = open().await;
    let mut anna = Customer::new("Anna");
    let (user, session) = signed_in(&house, &anna).await;
    anna = Customer { state: accounts::member::State::Archived, version: 2, ..anna };
    told(&house, &anna).await;
    assert_eq!(get(&house, &user.id).await.state(), pb::user::State::Disabled);
    assert_eq!(reason(&refresh(&house, &session.refresh_token).await.unwrap_err()), "REFRESH_TOKEN_REFUSED");
    testing::eventually("the token is refused", || async { me(&house, &session.access_token).await.err() }).await;
    assert_eq!(reason(&enable(&house, &user.id).await.unwrap_err()), "MEMBER_ARCHIVED");

    let older = Customer { state: accounts::member::State::Active, version: 1, ..anna.clone() };
    told(&house, &older).await;
    assert_eq!(
        reason(&enable(&house, &user.id).await.unwrap_err()),
        "MEMBER_ARCHIVED",
        "what is older is not believed"
    );
    told(&house, &Customer { state: accounts::member::State::Active, version: 3, ..anna }).await;
    assert_eq!(get(&house, &user.id).await.state(), pb::user::State::Disabled, "nobody comes back by himself");
    assert_eq!(enable(&house, &user.id).await.unwrap().state(), pb::user::State::Active);
}

#[tokio::test]
async fn an_archived_account_takes_its_members_with_it_and_a_moved_one_stays() {
    let house = open().await;
    let mut anna = Customer::new("Anna");
    let (user, session) = signed_in(&house, &anna).await;
    let (left, came_to) = (anna.account, Uuid::now_v7());
    anna = Customer { account: came_to, version: 2, ..anna };
    told(&house, &anna).await;
    let moved = get(&house, &user.id).await;
    assert_eq!((moved.account_id.as_str(), moved.state()), (came_to.to_string().as_str(), pb::user::State::Active));
    told_account(&house, left, 2, accounts::account::State::Archived).await;
    assert_eq!(get(&house, &user.id).await.state(), pb::user::State::Active, "the account that was left is no matter");
    let session = refresh(&house, &session.refresh_token).await.unwrap();

    told_account(&house, came_to, 5, accounts::account::State::Archived).await;
    assert_eq!(get(&house, &user.id).await.state(), pb::user::State::Disabled);
    assert!(refresh(&house, &session.refresh_token).await.is_err());
    assert_eq!(reason(&enable(&house, &user.id).await.unwrap_err()), "MEMBER_ARCHIVED");
    told_account(&house, came_to, 6, accounts::account::State::Active).await;
    assert!(enable(&house, &user.id).await.is_ok());
}

#[tokio::test]
async fn an_archived_account_takes_nobody_who_had_gone_to_another_whichever_is_heard_first() {
    let house = open().await;
    let mut anna = Customer::new("Anna");
    let (user, session) = signed_in(&house, &anna).await;
    let (left, came_to) = (anna.account, Uuid::now_v7());
    told_account(&house, left, 2, accounts::account::State::Archived).await;
    assert_eq!(get(&house, &user.id).await.state(), pb::user::State::Disabled, "as far as is known");
    assert!(refresh(&house, &session.refresh_token).await.is_err());
    anna = Customer { account: came_to, version: 2, ..anna };
    told(&house, &anna).await;
    assert_eq!(get(&house, &user.id).await.state(), pb::user::State::Active);
    sign_in(&house, &anna.email()).await;

    // Somebody else took the right away: that stays so wherever he goes.
    let as_clerk = || PortalUserServiceClient::new(house.user(&["accounts.edit"]));
    as_clerk().disable_portal_user(pb::DisablePortalUserRequest { id: user.id.clone() }).await.unwrap();
    told(&house, &Customer { account: Uuid::now_v7(), version: 3, ..anna.clone() }).await;
    assert_eq!(get(&house, &user.id).await.state(), pb::user::State::Disabled);
    enable(&house, &user.id).await.unwrap();

    // An account that was heard to be archived lets nobody in who comes to it, nor anybody new.
    told(&house, &Customer { account: left, version: 4, ..anna }).await;
    assert_eq!(get(&house, &user.id).await.state(), pb::user::State::Disabled);
    assert_eq!(reason(&enable(&house, &user.id).await.unwrap_err()), "MEMBER_ARCHIVED");
    let ben = Customer { account: left, ..Customer::new("Ben") };
    told(&house, &ben).await;
    assert_eq!(reason(&invite(&house, ben.id, None).await.unwrap_err()), "MEMBER_ARCHIVED");
}

#[tokio::test]
async fn a_customers_name_follows_the_member() {
    let house = open().await;
    let anna = Customer::new("Anna");
    let (user, _) = signed_in(&house, &anna).await;
    told(&house, &Customer { name: "Hanna", version: 2, ..anna }).await;
    let renamed = get(&house, &user.id).await;
    assert_eq!((renamed.first_name.as_str(), renamed.email.as_str()), ("Hanna", "anna@home.test"));
}

#[tokio::test]
async fn accounts_is_told_all_that_is_known_of_a_customer_and_no_secret() {
    let house = open().await;
    let anna = Customer::new("Anna");
    signed_in(&house, &anna).await;
    signed_in(&house, &Customer::new("Bea")).await;

    let mut source = PersonalDataSourceServiceClient::new(house.service("accounts"));
    let request = TellPersonalDataRequest { member_id: anna.id.to_string() };
    let document = source.tell_personal_data(request.clone()).await.unwrap().into_inner().document;
    let known: serde_json::Value = serde_json::from_str(&document).unwrap();
    let numbers = ["user", "session", "member"].map(|what| known[what].as_array().unwrap().len());
    assert_eq!(numbers, [1, 1, 1], "{document}");
    assert_eq!(known["user"][0]["email"], "anna@home.test");
    assert!(!document.contains("argon2") && !document.contains("hash"), "{document}");
    let mut anybody = PersonalDataSourceServiceClient::new(house.user(&["identity.admin"]));
    assert_eq!(anybody.tell_personal_data(request).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn of_a_forgotten_customer_nothing_is_left_and_nobody_signs_in() {
    let house = open().await;
    let anna = Customer::new("Anna");
    let (user, session) = signed_in(&house, &anna).await;
    let erased = accounts::MemberErased {
        member_id: anna.id.to_string(),
        account_id: anna.account.to_string(),
        number: "100123".to_owned(),
    };
    house.hears(&erased).await.unwrap();
    house.hears_about(Subject { id: anna.id, version: 1 }, &erased).await.unwrap();

    let left = get(&house, &user.id).await;
    assert_eq!((left.first_name.as_str(), left.last_name.as_str()), ("Member", "100123"));
    assert_eq!(left.state(), pb::user::State::Archived);
    assert!(left.email.ends_with("@forgotten.invalid"));
    assert_eq!(reason(&refresh(&house, &session.refresh_token).await.unwrap_err()), "REFRESH_TOKEN_REFUSED");
    let holding: i64 = sqlx::query_scalar(
        "select (select count(*) from app_user where email ~* 'anna' or first_name ~* 'anna')
              + (select count(*) from outbox where convert_from(body, 'LATIN1') ~* 'anna@')",
    )
    .fetch_one(&mut house.sql().await)
    .await
    .unwrap();
    assert_eq!(holding, 0);
}

#[tokio::test]
async fn a_guardian_acts_for_a_child_until_it_comes_of_age() {
    let house = open().await;
    let anna = Customer::new("Anna");
    let mut ben = Customer { is_minor: true, ..Customer::new("Ben") };
    let mut cleo = Customer { is_minor: true, ..Customer::new("Cleo") };
    for child in [&ben, &cleo] {
        told(&house, child).await;
    }
    let (user, mut session) = signed_in(&house, &anna).await;
    let (of_ben, of_cleo) = (Uuid::now_v7(), Uuid::now_v7());
    told_guardian(&house, (of_ben, 1), &ben, &anna, &[Power::Portal, Power::Pay]).await;
    told_guardian(&house, (of_cleo, 1), &cleo, &anna, &[Power::Pickup]).await;
    let acts_for = async |session: &mut pb::LoginResponse| {
        testing::eventually("what held before is refused", || async { me(&house, &session.access_token).await.err() })
            .await;
        let next = refresh(&house, &session.refresh_token).await.unwrap();
        (session.access_token, session.refresh_token) = (next.access_token, next.refresh_token);
        me(&house, &session.access_token).await.unwrap().acts_for
    };
    let ids = |customers: &[&Customer]| customers.iter().map(|customer| customer.id.to_string()).collect::<Vec<_>>();
    assert_eq!(acts_for(&mut session).await, ids(&[&anna, &ben]), "not for whom he may only fetch");
    told_guardian(&house, (of_cleo, 2), &cleo, &anna, &[Power::Pickup, Power::Portal]).await;
    assert_eq!(acts_for(&mut session).await, ids(&[&anna, &ben, &cleo]));

    ben = Customer { is_minor: false, version: 2, ..ben };
    told(&house, &ben).await;
    assert_eq!(acts_for(&mut session).await, ids(&[&anna, &cleo]), "who is of age acts for himself");
    told_guardian(&house, (of_ben, 2), &ben, &anna, &[Power::Pay]).await;
    cleo = Customer { state: accounts::member::State::Archived, version: 2, ..cleo };
    told(&house, &cleo).await;
    assert_eq!(acts_for(&mut session).await, ids(&[&anna]));
    assert_eq!(get(&house, &user.id).await.acts_for, ids(&[&anna]));
}

#[tokio::test]
async fn the_list_of_portal_users_behaves() {
    let house = open().await;
    let customers = ["Anna", "Ben", "Cleo", "Dora"].map(Customer::new);
    for customer in &customers {
        told(&house, customer).await;
        invite(&house, customer.id, None).await.unwrap();
    }
    list_behaves(house.user(&["accounts.view"]), "identity.v1.PortalUserService/ListPortalUsers", &[]).await;
    let mut clerk = PortalUserServiceClient::new(house.user(&["accounts.view"]));
    let invited = pb::user::State::Invited.into();
    for (request, found) in [
        (pb::ListPortalUsersRequest { state: Some(invited), ..Default::default() }, 4),
        (pb::ListPortalUsersRequest { member_id: Some(customers[0].id.to_string()), ..Default::default() }, 1),
        (pb::ListPortalUsersRequest { account_id: Some(customers[1].account.to_string()), ..Default::default() }, 1),
        (pb::ListPortalUsersRequest { q: "cleo moser".to_owned(), ..Default::default() }, 1),
    ] {
        let answer = clerk.list_portal_users(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.data.len(), found, "{request:?}");
    }
}
