use accounts::Accounts;
use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::payer_share_service_client::PayerShareServiceClient;
use testing::{House, Voice, list_behaves};
use tonic::{Code, Status};

use crate::{desk, family, fields, house, person, reason};

type Shares = PayerShareServiceClient<Voice>;

fn shares(house: &House<Accounts>) -> Shares {
    PayerShareServiceClient::new(house.user(&["accounts.admin"]))
}

async fn set(shares: &mut Shares, member: &str, wanted: &[(&str, &str)]) -> Result<Vec<(String, String)>, Status> {
    let shares_wanted = wanted.iter().map(|(account, percent)| pb::PayerShareWanted {
        account_id: (*account).to_owned(),
        percent: (*percent).to_owned(),
    });
    let request = pb::SetPayerSharesRequest { member_id: member.to_owned(), shares: shares_wanted.collect() };
    let answer = shares.set_payer_shares(request).await?.into_inner();
    let mut set: Vec<_> = answer.payer_shares.into_iter().map(|share| (share.account_name, share.percent)).collect();
    set.sort();
    Ok(set)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, percent)| ((*name).to_owned(), (*percent).to_owned())).collect()
}

/// services.md §1.3, A6.
#[tokio::test]
async fn a6_several_accounts_pay_for_a_member_and_together_they_pay_everything() {
    let house = house().await;
    let (mut desk, mut shares) = (desk(&house), shares(&house));
    let (mother, father) = (desk.open(family("Miller")).await, desk.open(family("Okafor")).await);
    let ben = desk.add(person(&mother, "Ben", "Miller")).await.id;

    let set_once = set(&mut shares, &ben, &[(&mother.id, "66.67"), (&father.id, "33.33")]).await.unwrap();
    assert_eq!(set_once, pairs(&[("Miller", "66.67"), ("Okafor", "33.33")]));
    let again = set(&mut shares, &ben, &[(&father.id, "33.33"), (&mother.id, "66.67")]).await.unwrap();
    assert_eq!(again, set_once, "nothing changed");
    for (wanted, field) in [
        (vec![(mother.id.as_str(), "50"), (&father.id, "49.99")], "shares"),
        (vec![(mother.id.as_str(), "50"), (&mother.id, "50")], "shares[1].account_id"),
        (vec![(mother.id.as_str(), "0"), (&father.id, "100")], "shares[0].percent"),
        (vec![(mother.id.as_str(), "33.333")], "shares[0].percent"),
    ] {
        let refused = set(&mut shares, &ben, &wanted).await.unwrap_err();
        assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    let request = pb::ListPayerSharesRequest { account_id: Some(father.id.clone()), ..Default::default() };
    let paid = shares.list_payer_shares(request).await.unwrap().into_inner().data;
    assert_eq!((paid.len(), paid[0].member_name.as_str(), paid[0].percent.as_str()), (1, "Ben Miller", "33.33"));

    assert_eq!(set(&mut shares, &ben, &[]).await.unwrap(), []);
    let told: Vec<usize> =
        house.events::<pb::PayerSharesChanged>().await.iter().map(|event| event.payer_shares.len()).collect();
    assert_eq!(told, [2, 0]);
    let audited = house.audited().await;
    assert_eq!(audited.iter().filter(|(_, subject)| subject == "payer_shares").count(), 2);
}

/// services.md §1.3, A6, for whoever writes to the database itself.
#[tokio::test]
async fn a6_the_database_takes_no_shares_that_are_not_the_whole_however_two_write_at_once() {
    let house = house().await;
    let (mut desk, mut shares) = (desk(&house), shares(&house));
    let mut accounts = Vec::new();
    for name in ["Abel", "Bohm", "Cruz"] {
        accounts.push(desk.open(family(name)).await);
    }
    let ben = desk.add(person(&accounts[0], "Ben", "Abel")).await.id;
    for round in 0..50 {
        let halves = [(accounts[0].id.as_str(), "50"), (accounts[1].id.as_str(), "50")];
        set(&mut shares, &ben, &halves).await.unwrap();
        // One gives 20 percent from the first to the second, the other 20 to a third: each is right alone.
        let write = |statements: [String; 2]| {
            let sql = house.sql();
            async move {
                let mut sql = sql.await;
                sqlx::raw_sql("begin").execute(&mut sql).await.unwrap();
                for statement in statements {
                    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut sql).await?;
                }
                sqlx::raw_sql("commit").execute(&mut sql).await.map(|_| ())
            }
        };
        let change = |points: i32, n: usize| {
            format!(
                "update payer_share set basis_points = {points} where member_id = '{ben}' and account_id = '{}'",
                accounts[n].id
            )
        };
        let add = format!(
            "insert into payer_share (id, member_id, account_id, basis_points)
             values (gen_random_uuid(), '{ben}', '{}', 2000)",
            accounts[2].id
        );
        let (one, two) = tokio::join!(write([change(3000, 0), change(7000, 1)]), write([change(3000, 0), add]));
        let sum: i64 = sqlx::query_scalar("select sum(basis_points) from payer_share where member_id = $1::uuid")
            .bind(&ben)
            .fetch_one(&mut house.sql().await)
            .await
            .unwrap();
        assert_eq!(sum, 10_000, "round {round}");
        assert!(one.is_ok() || two.is_ok(), "round {round}: {one:?} {two:?}");
    }
}

#[tokio::test]
async fn who_changes_what_somebody_else_has_changed_is_told() {
    let house = house().await;
    let (mut desk, mut shares) = (desk(&house), shares(&house));
    let accounts = [desk.open(family("Miller")).await, desk.open(family("Okafor")).await];
    let ben = desk.add(person(&accounts[0], "Ben", "Miller")).await;
    set(&mut shares, &ben.id, &[(&accounts[1].id, "100")]).await.unwrap();

    let voice = house.token_with(&house.keys.token(&["accounts.admin"]), &[("if-match", &ben.etag)]);
    let refused = set(&mut PayerShareServiceClient::new(voice), &ben.id, &[]).await.unwrap_err();
    assert_eq!(reason(&refused), "MEMBER_CHANGED");

    let many: Vec<_> = (0..10)
        .map(|n| {
            let (mut shares, ben) = (self::shares(&house), ben.id.clone());
            let ids = accounts.clone().map(|account| account.id);
            let (one, two) = (format!("{}", 10 + n), format!("{}", 90 - n));
            spawn(async move { set(&mut shares, &ben, &[(&ids[0], &one), (&ids[1], &two)]).await })
        })
        .collect();
    for one in many {
        one.await.unwrap().unwrap();
    }
    let told = house.events::<pb::PayerSharesChanged>().await;
    assert_eq!(told.len(), 11);
    assert!(told.windows(2).all(|pair| pair[0].version < pair[1].version));
}

#[tokio::test]
async fn shares_go_with_an_account_that_is_merged_and_come_back() {
    let house = house().await;
    let (mut desk, mut shares) = (desk(&house), shares(&house));
    let mut accounts = Vec::new();
    for name in ["Abel", "Bohm", "Cruz"] {
        accounts.push(desk.open(family(name)).await);
    }
    let ben = desk.add(person(&accounts[0], "Ben", "Abel")).await.id;
    set(&mut shares, &ben, &[(&accounts[1].id, "40"), (&accounts[0].id, "60")]).await.unwrap();

    let conflict = desk.merge(&accounts[0].id, &accounts[1].id).await.unwrap_err();
    assert_eq!(reason(&conflict), "MERGE_CONFLICTS", "one account would pay two shares");
    let merge = desk.merge(&accounts[2].id, &accounts[1].id).await.unwrap();
    let of_ben = pb::ListPayerSharesRequest { member_id: Some(ben.clone()), ..Default::default() };
    let listed = shares.list_payer_shares(of_ben.clone()).await.unwrap().into_inner().data;
    let mut names: Vec<&str> = listed.iter().map(|share| share.account_name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Abel", "Cruz"]);
    let refused = set(&mut shares, &ben, &[(&accounts[1].id, "100")]).await.unwrap_err();
    assert_eq!(reason(&refused), "ACCOUNT_MERGED");

    desk.undo(&merge.id).await.unwrap();
    let listed = shares.list_payer_shares(of_ben).await.unwrap().into_inner().data;
    let mut names: Vec<&str> = listed.iter().map(|share| share.account_name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Abel", "Bohm"]);
}

#[tokio::test]
async fn shares_are_listed_by_the_convention() {
    let house = house().await;
    let (mut desk, mut shares) = (desk(&house), shares(&house));
    let payer = desk.open(family("Miller")).await;
    for name in ["Abel", "Bohm", "Cruz", "Diaz"] {
        let member = desk.add(person(&payer, name, "Miller")).await;
        set(&mut shares, &member.id, &[(&payer.id, "100")]).await.unwrap();
    }
    let of = [("account_id", payer.id.as_str())];
    list_behaves(house.user(&["accounts.view"]), "accounts.v1.PayerShareService/ListPayerShares", &of).await;
}
