//! Who pays no tax, and until when.

use accounts::Accounts;
use kit::Service;
use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::tax_exemption::State;
use proto::accounts::v1::tax_exemption_service_client::TaxExemptionServiceClient;
use testing::{House, Voice, list_behaves};
use tonic::{Code, Status};

use crate::{desk, family, fields, house, mask, reason};

fn manager(house: &House<Accounts>) -> TaxExemptionServiceClient<Voice> {
    TaxExemptionServiceClient::new(house.user(&["accounts.admin"]))
}

async fn school(house: &House<Accounts>) -> pb::Account {
    desk(house).open(pb::Account { kind: pb::account::Kind::Business.into(), ..family("A School") }).await
}

async fn try_ask(house: &House<Accounts>, account: &str) -> Result<pb::TaxExemption, Status> {
    let exemption =
        pb::TaxExemption { account_id: account.to_owned(), reason: "a public school".to_owned(), ..Default::default() };
    let request = pb::CreateTaxExemptionRequest { tax_exemption: Some(exemption) };
    let mut clerk = TaxExemptionServiceClient::new(house.user(&["accounts.edit"]));
    Ok(clerk.create_tax_exemption(request).await?.into_inner().tax_exemption.unwrap())
}

fn approval(id: &str, expires_on: &str) -> pb::ApproveTaxExemptionRequest {
    pb::ApproveTaxExemptionRequest {
        id: id.to_owned(),
        certificate_number: Some("E-9941".to_owned()),
        expires_on: Some(expires_on.to_owned()),
    }
}

async fn approve(house: &House<Accounts>, id: &str, expires_on: &str) -> Result<pb::TaxExemption, Status> {
    let answer = manager(house).approve_tax_exemption(approval(id, expires_on)).await?;
    Ok(answer.into_inner().tax_exemption.unwrap())
}

async fn get(house: &House<Accounts>, id: &str) -> pb::TaxExemption {
    let request = pb::GetTaxExemptionRequest { id: id.to_owned() };
    manager(house).get_tax_exemption(request).await.unwrap().into_inner().tax_exemption.unwrap()
}

#[tokio::test]
async fn an_exemption_is_asked_for_approved_told_and_revoked() {
    let house = house().await;
    let school = school(&house).await;
    let asked = try_ask(&house, &school.id).await.unwrap();
    assert_eq!((asked.state(), asked.requested_by_name.as_str()), (State::Pending, "Test User"));

    let bare = pb::ApproveTaxExemptionRequest { id: asked.id.clone(), ..Default::default() };
    let refused = manager(&house).approve_tax_exemption(bare.clone()).await.unwrap_err();
    assert_eq!(fields(&refused), ["certificate_number", "expires_on"]);
    let refused = approve(&house, &asked.id, "2026-02-26").await.unwrap_err();
    assert_eq!(fields(&refused), ["expires_on"]);
    let mut clerk = TaxExemptionServiceClient::new(house.user(&["accounts.edit"]));
    let refused = clerk.approve_tax_exemption(approval(&asked.id, "2027-01-31")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let approved = approve(&house, &asked.id, "2027-01-31").await.unwrap();
    assert_eq!((approved.state(), approved.certificate_number.as_deref()), (State::Approved, Some("E-9941")));
    assert!(approved.approved_by.is_some() && approved.approved_at.is_some());
    assert_eq!(approved.approved_by_name.as_deref(), Some("Test User"));
    let told = house.events::<pb::TaxExemptionChanged>().await;
    assert_eq!(told[1], pb::TaxExemptionChanged { tax_exemption: Some(approved), version: 2 });
    assert_eq!(reason(&approve(&house, &asked.id, "2027-01-31").await.unwrap_err()), "TAX_EXEMPTION_SETTLED");
    let update = pb::TaxExemption { id: asked.id.clone(), reason: "other".to_owned(), ..Default::default() };
    let request = pb::UpdateTaxExemptionRequest { tax_exemption: Some(update), update_mask: mask(&["reason"]) };
    assert_eq!(reason(&clerk.update_tax_exemption(request).await.unwrap_err()), "TAX_EXEMPTION_SETTLED");

    let request = pb::RevokeTaxExemptionRequest { id: asked.id.clone(), reason: "the school has closed".to_owned() };
    let revoked = manager(&house).revoke_tax_exemption(request.clone()).await.unwrap().into_inner();
    let revoked = revoked.tax_exemption.unwrap();
    assert_eq!((revoked.state(), revoked.revoked_because.as_deref()), (State::Revoked, Some("the school has closed")));
    assert_eq!(reason(&manager(&house).revoke_tax_exemption(request).await.unwrap_err()), "TAX_EXEMPTION_SETTLED");
    try_ask(&house, &school.id).await.unwrap();
}

#[tokio::test]
async fn what_runs_out_waits_for_a_new_certificate() {
    let house = house().await;
    let school = school(&house).await;
    let asked = try_ask(&house, &school.id).await.unwrap();
    approve(&house, &asked.id, "2026-03-31").await.unwrap();

    // Half past eleven in the evening of the last day in Chicago, and an hour later.
    for (now, state) in [("2026-04-01T04:30:00Z", State::Approved), ("2026-04-01T05:30:00Z", State::Pending)] {
        house.clock.set(now.parse().unwrap());
        for job in house.service.jobs() {
            job.run_once(&house.app.db, "accounts").await.unwrap();
        }
        assert_eq!(get(&house, &asked.id).await.state(), state, "{now}");
    }

    let waiting = get(&house, &asked.id).await;
    assert!(waiting.approved_by_name.is_none() && waiting.expired_at.is_some());
    let told = house.events::<pb::TaxExemptionChanged>().await;
    assert_eq!((told.len(), told[2].tax_exemption.as_ref()), (3, Some(&waiting)));
    let same = pb::ApproveTaxExemptionRequest { id: asked.id.clone(), ..Default::default() };
    let refused = manager(&house).approve_tax_exemption(same).await.unwrap_err();
    assert_eq!(fields(&refused), ["expires_on"], "the old certificate does not do");
    assert_eq!(approve(&house, &asked.id, "2027-03-31").await.unwrap().state(), State::Approved);
}

#[tokio::test]
async fn an_account_has_one_exemption_however_often_it_is_asked_for() {
    let house = house().await;
    let school = school(&house).await;
    for run in 0..10 {
        let asked: Vec<_> = (0..4)
            .map(|_| {
                let mut clerk = TaxExemptionServiceClient::new(house.user(&["accounts.edit"]));
                let exemption = pb::TaxExemption {
                    account_id: school.id.clone(),
                    reason: "a public school".to_owned(),
                    ..Default::default()
                };
                let request = pb::CreateTaxExemptionRequest { tax_exemption: Some(exemption) };
                spawn(async move { clerk.create_tax_exemption(request).await })
            })
            .collect();
        let mut made = Vec::new();
        for asked in asked {
            match asked.await.unwrap() {
                Ok(answer) => made.push(answer.into_inner().tax_exemption.unwrap().id),
                Err(refused) => assert_eq!(reason(&refused), "TAX_EXEMPTION_EXISTS", "run {run}"),
            }
        }
        assert_eq!(made.len(), 1, "run {run}");
        let request = pb::RevokeTaxExemptionRequest { id: made.remove(0), reason: "again".to_owned() };
        manager(&house).revoke_tax_exemption(request).await.unwrap();
    }
}

#[tokio::test]
async fn of_two_managers_who_decide_at_once_one_is_heard() {
    let house = house().await;
    for run in 0..20 {
        let asked = try_ask(&house, &school(&house).await.id).await.unwrap();
        let deciding = [0, 1].map(|_| {
            let (mut manager, request) = (manager(&house), approval(&asked.id, "2027-01-31"));
            spawn(async move { manager.approve_tax_exemption(request).await.is_ok() })
        });
        let mut approved = 0;
        for decided in deciding {
            approved += u32::from(decided.await.unwrap());
        }
        assert_eq!((approved, get(&house, &asked.id).await.etag.as_str()), (1, "2"), "run {run}");
    }
}

#[tokio::test]
async fn the_database_approves_nothing_without_a_certificate() {
    let house = house().await;
    let asked = try_ask(&house, &school(&house).await.id).await.unwrap();
    for (set, constraint) in [
        ("state = 'approved'", "tax_exemption_approved_check"),
        ("state = 'revoked'", "tax_exemption_revoked_check"),
        ("approved_at = now()", "tax_exemption_pending_check"),
        ("state = 'sold'", "tax_exemption_state_check"),
    ] {
        let sql = sqlx::AssertSqlSafe(format!("update tax_exemption set {set} where id = $1::uuid"));
        let refused = sqlx::query(sql).bind(&asked.id).execute(&mut house.sql().await).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().constraint(), Some(constraint), "{set}");
    }
}

#[tokio::test]
async fn exemptions_are_listed_by_the_convention() {
    let house = house().await;
    let school = school(&house).await;
    for _ in 0..4 {
        let asked = try_ask(&house, &school.id).await.unwrap();
        let request = pb::RevokeTaxExemptionRequest { id: asked.id, reason: "again".to_owned() };
        manager(&house).revoke_tax_exemption(request).await.unwrap();
    }
    let voice = || house.user(&["accounts.view"]);
    let service = "accounts.v1.TaxExemptionService";
    list_behaves(voice(), &format!("{service}/ListTaxExemptions"), &[]).await;
    list_behaves(voice(), &format!("{service}/ListAccountTaxExemptions"), &[("account_id", &school.id)]).await;
    let request = pb::ListTaxExemptionsRequest { state: Some(State::Pending.into()), ..Default::default() };
    assert_eq!(manager(&house).list_tax_exemptions(request).await.unwrap().into_inner().data.len(), 0);
}
