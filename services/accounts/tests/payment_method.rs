use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::payment_method_service_client::PaymentMethodServiceClient;
use sqlx::Row;
use testing::{House, Voice, list_behaves};
use tonic::{Code, Status};

use crate::{desk, family, fields, house, mask, reason};

fn cards(house: &House<accounts::Accounts>) -> PaymentMethodServiceClient<Voice> {
    PaymentMethodServiceClient::new(house.user(&["accounts.edit"]))
}

fn card(account: &pb::Account, token: &str) -> pb::PaymentMethod {
    pb::PaymentMethod {
        account_id: account.id.clone(),
        processor: "stripe".to_owned(),
        provider_token: token.to_owned(),
        brand: Some("visa".to_owned()),
        last4: Some("4242".to_owned()),
        expires: Some("2027-03".to_owned()),
        ..Default::default()
    }
}

async fn keep(house: &House<accounts::Accounts>, card: pb::PaymentMethod) -> Result<pb::PaymentMethod, Status> {
    let request = pb::CreatePaymentMethodRequest { payment_method: Some(card) };
    Ok(cards(house).create_payment_method(request).await?.into_inner().payment_method.unwrap())
}

async fn listed(house: &House<accounts::Accounts>, account: &pb::Account) -> Vec<pb::PaymentMethod> {
    let request = pb::ListAccountPaymentMethodsRequest { account_id: account.id.clone(), ..Default::default() };
    cards(house).list_account_payment_methods(request).await.unwrap().into_inner().data
}

#[tokio::test]
async fn a_key_makes_two_requests_with_different_secrets_no_repeat() {
    let house = house().await;
    let account = desk(&house).open(family("Miller")).await;
    let token = house.keys.token(&["accounts.edit"]);
    let mut cards = PaymentMethodServiceClient::new(house.token_with(&token, &[("idempotency-key", "k-1")]));

    let request = |token| pb::CreatePaymentMethodRequest { payment_method: Some(card(&account, token)) };
    let first = cards.create_payment_method(request("pm_first")).await.unwrap().into_inner();
    let other = cards.create_payment_method(request("pm_other")).await.unwrap_err();
    let again = cards.create_payment_method(request("pm_first")).await.unwrap().into_inner();

    assert_eq!(reason(&other), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(again, first);
    assert_eq!(listed(&house, &account).await.len(), 1);
}

#[tokio::test]
async fn a_payment_method_is_kept_and_its_token_is_never_told() {
    let house = house().await;
    let account = desk(&house).open(family("Miller")).await;

    let kept = keep(&house, card(&account, "pm_secret0001")).await.unwrap();

    assert_eq!((kept.provider_token.as_str(), kept.last4.as_deref()), ("", Some("4242")));
    assert_eq!((kept.expires.as_deref(), kept.is_default), (Some("2027-03"), true));
    assert_eq!(listed(&house, &account).await, std::slice::from_ref(&kept));
    let told = &house.events::<pb::PaymentMethodChanged>().await[0];
    assert_eq!(told.payment_method.as_ref(), Some(&kept));
    let mut sql = house.sql().await;
    for (table, row) in [("audit", "a.*"), ("outbox", "a.*, convert_from(body, 'latin1')"), ("idempotency", "a.*")] {
        let sql_text = format!("select count(*) from {table} a where row({row})::text like '%secret0001%'");
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql_text)).fetch_one(&mut sql).await.unwrap();
        assert_eq!(found, 0, "{table} holds the token");
    }
    let stored: String = sqlx::query("select provider_token from payment_method")
        .fetch_one(&mut sql)
        .await
        .unwrap()
        .get("provider_token");
    assert_eq!(stored, "pm_secret0001");
}

#[tokio::test]
async fn a_card_number_is_refused_as_a_token() {
    let house = house().await;
    let account = desk(&house).open(family("Miller")).await;
    for number in ["4242424242424242", "4000 0566 5566 5556", "3782-822463-10005", "6011.1111.1111.1117"] {
        let refused = keep(&house, card(&account, number)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{number}");
        assert!(fields(&refused)[0].contains("provider_token"), "{refused:?}");
    }
    // The database refuses what came past the door.
    let refused = sqlx::query(
        "insert into payment_method (id, account_id, processor, provider_token)
         values (gen_random_uuid(), $1::uuid, 'stripe', '5555 5555 5555 4444')",
    )
    .bind(&account.id)
    .execute(&mut house.sql().await)
    .await
    .unwrap_err();
    assert!(db::violates(&refused, "payment_method_card_check"), "{refused}");
    // Digits that are no card number may be a processor's token.
    keep(&house, card(&account, "9418594164541112")).await.unwrap();
    assert_eq!(listed(&house, &account).await.len(), 1);
}

#[tokio::test]
async fn a5_an_account_has_one_default() {
    let house = house().await;
    let account = desk(&house).open(family("Miller")).await;
    let first = keep(&house, card(&account, "pm_00000001")).await.unwrap();
    let second =
        keep(&house, pb::PaymentMethod { backup_priority: Some(1), ..card(&account, "pm_00000002") }).await.unwrap();
    assert!(first.is_default && !second.is_default);

    let request = pb::MakeDefaultPaymentMethodRequest { id: second.id.clone() };
    let made = cards(&house).make_default_payment_method(request.clone()).await.unwrap().into_inner();
    assert!(made.payment_method.unwrap().is_default);
    let again = cards(&house).make_default_payment_method(request).await.unwrap().into_inner().payment_method.unwrap();
    assert_eq!(again.etag, "2", "what is the default already does not change");
    let defaults: Vec<bool> = listed(&house, &account).await.iter().map(|method| method.is_default).collect();
    assert_eq!(defaults, [false, true]);
}

#[tokio::test]
async fn a5_twenty_who_make_their_own_card_the_default_at_once_leave_one() {
    let house = house().await;
    let account = desk(&house).open(family("Miller")).await;
    let mut made = Vec::new();
    for n in 0..20 {
        let kept = keep(&house, card(&account, &format!("pm_000000{n:02}"))).await.unwrap();
        let mut client = cards(&house);
        let request = pb::MakeDefaultPaymentMethodRequest { id: kept.id };
        made.push(spawn(async move { client.make_default_payment_method(request).await.unwrap() }));
    }
    for made in made {
        made.await.unwrap();
    }
    let defaults = listed(&house, &account).await.iter().filter(|method| method.is_default).count();
    assert_eq!(defaults, 1);
    let refused = sqlx::query("update payment_method set is_default = true").execute(&mut house.sql().await).await;
    assert!(db::violates(&refused.unwrap_err(), "payment_method_default_key"));
}

#[tokio::test]
async fn a5_what_a_live_contract_is_charged_by_stays() {
    let house = house().await;
    let account = desk(&house).open(family("Miller")).await;
    let kept = keep(&house, card(&account, "pm_00000001")).await.unwrap();
    let used = "insert into payment_method_use (payment_method_id, used_by, used_by_id)
                values ($1::uuid, 'rentals.contract', gen_random_uuid())";
    sqlx::query(used).bind(&kept.id).execute(&mut house.sql().await).await.unwrap();

    let request = pb::DeletePaymentMethodRequest { id: kept.id.clone() };
    let refused = cards(&house).delete_payment_method(request.clone()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "PAYMENT_METHOD_IN_USE"));
    sqlx::query("delete from payment_method_use").execute(&mut house.sql().await).await.unwrap();
    cards(&house).delete_payment_method(request).await.unwrap();
    assert_eq!(house.events::<pb::PaymentMethodRemoved>().await[0].id, kept.id);
    let gone = cards(&house).get_payment_method(pb::GetPaymentMethodRequest { id: kept.id }).await.unwrap_err();
    assert_eq!(reason(&gone), "PAYMENT_METHOD_NOT_FOUND");
}

#[tokio::test]
async fn a_contract_that_begins_while_its_card_is_removed_keeps_it_or_does_not_begin() {
    let house = house().await;
    let account = desk(&house).open(family("Miller")).await;
    for n in 0..20 {
        let kept = keep(&house, card(&account, &format!("pm_000000{n:02}"))).await.unwrap();
        let mut client = cards(&house);
        let request = pb::DeletePaymentMethodRequest { id: kept.id.clone() };
        let removed = spawn(async move { client.delete_payment_method(request).await.is_ok() });
        let used = sqlx::query(
            "insert into payment_method_use (payment_method_id, used_by, used_by_id)
             values ($1::uuid, 'rentals.contract', gen_random_uuid())",
        );
        let used = used.bind(&kept.id).execute(&mut house.sql().await).await.is_ok();
        assert_ne!(removed.await.unwrap(), used, "one of the two happened");
    }
}

#[tokio::test]
async fn only_the_named_fields_of_a_payment_method_change() {
    let house = house().await;
    let account = desk(&house).open(family("Miller")).await;
    let kept = keep(&house, card(&account, "pm_00000001")).await.unwrap();
    let update = pb::PaymentMethod { id: kept.id.clone(), requires_update: true, ..Default::default() };
    let request = pb::UpdatePaymentMethodRequest {
        payment_method: Some(update.clone()),
        update_mask: mask(&["requires_update", "expires"]),
    };
    let changed = cards(&house).update_payment_method(request).await.unwrap().into_inner().payment_method.unwrap();
    assert_eq!((changed.requires_update, changed.expires, changed.brand), (true, None, kept.brand));
    for path in ["provider_token", "processor", "account_id", "is_default"] {
        let request =
            pb::UpdatePaymentMethodRequest { payment_method: Some(update.clone()), update_mask: mask(&[path]) };
        let refused = cards(&house).update_payment_method(request).await.unwrap_err();
        assert_eq!(fields(&refused)[0], format!("payment_method.{path}"));
    }
    let taken = keep(&house, card(&account, "pm_00000001")).await.unwrap_err();
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "PAYMENT_METHOD_EXISTS"));
}

#[tokio::test]
async fn payment_methods_are_listed_by_the_convention() {
    let house = house().await;
    let account = desk(&house).open(family("Miller")).await;
    for n in 0..5 {
        keep(&house, card(&account, &format!("pm_0000000{n}"))).await.unwrap();
    }
    let rpc = "accounts.v1.PaymentMethodService/ListAccountPaymentMethods";
    list_behaves(house.user(&["accounts.view"]), rpc, &[("account_id", &account.id)]).await;
}
