//! Consents and the texts they are given to (services.md §1.4).

use accounts::Accounts;
use kit::Service;
use kit::task::spawn;
use proto::accounts::v1 as pb;
use proto::accounts::v1::consent::State;
use proto::accounts::v1::consent_document_service_client::ConsentDocumentServiceClient;
use proto::accounts::v1::consent_service_client::ConsentServiceClient;
use proto::accounts::v1::responsible_adult_service_client::ResponsibleAdultServiceClient;
use testing::{House, Voice, list_behaves};
use tonic::{Code, Status};

use crate::{desk, family, fields, house, mask, person, reason};

const NOON: &str = "2026-02-27T18:00:00Z";

fn consents(house: &House<Accounts>) -> ConsentServiceClient<Voice> {
    ConsentServiceClient::new(house.user(&["accounts.edit"]))
}

async fn publish(house: &House<Accounts>, kind: &str, body: &str, valid_days: Option<i32>) -> pb::ConsentDocument {
    let document = pb::ConsentDocument {
        r#type: kind.to_owned(),
        title: "Photos".to_owned(),
        body: body.to_owned(),
        valid_days,
        ..Default::default()
    };
    let request = pb::CreateConsentDocumentRequest { consent_document: Some(document) };
    let mut documents = ConsentDocumentServiceClient::new(house.user(&["accounts.admin"]));
    documents.create_consent_document(request).await.unwrap().into_inner().consent_document.unwrap()
}

async fn try_ask(house: &House<Accounts>, member: &str, kind: &str) -> Result<pb::Consent, Status> {
    let consent = pb::Consent { member_id: member.to_owned(), r#type: kind.to_owned(), ..Default::default() };
    let request = pb::CreateConsentRequest { consent: Some(consent) };
    Ok(consents(house).create_consent(request).await?.into_inner().consent.unwrap())
}

async fn grant(house: &House<Accounts>, id: &str, grantor: &str) -> Result<pb::Consent, Status> {
    let request =
        pb::GrantConsentRequest { id: id.to_owned(), grantor_id: Some(grantor.to_owned()), ..Default::default() };
    Ok(consents(house).grant_consent(request).await?.into_inner().consent.unwrap())
}

async fn withdraw(house: &House<Accounts>, id: &str, by: Option<&str>) -> Result<pb::Consent, Status> {
    let request =
        pb::WithdrawConsentRequest { id: id.to_owned(), grantor_id: by.map(str::to_owned), ..Default::default() };
    Ok(consents(house).withdraw_consent(request).await?.into_inner().consent.unwrap())
}

async fn get(house: &House<Accounts>, id: &str) -> pb::Consent {
    let request = pb::GetConsentRequest { id: id.to_owned() };
    consents(house).get_consent(request).await.unwrap().into_inner().consent.unwrap()
}

async fn of(house: &House<Accounts>, member: &str) -> Vec<pb::Consent> {
    let request = pb::ListMemberConsentsRequest { member_id: member.to_owned(), ..Default::default() };
    consents(house).list_member_consents(request).await.unwrap().into_inner().data
}

/// What comes round by itself, at an instant.
async fn at(house: &House<Accounts>, now: &str) {
    house.clock.set(now.parse().unwrap());
    for job in house.service.jobs() {
        job.run_once(&house.app.db, "accounts").await.unwrap();
    }
}

struct Family {
    mother: pb::Member,
    father: pb::Member,
    child: pb::Member,
}

/// The mother may consent for the child, the father only fetches him.
async fn millers(house: &House<Accounts>) -> Family {
    house.clock.set(NOON.parse().unwrap());
    let mut desk = desk(house);
    let account = desk.open(family("Miller Family")).await;
    let born = |name: &str, day: &str| pb::Member { born_on: Some(day.to_owned()), ..person(&account, name, "Miller") };
    let mother = desk.add(born("Ann", "1985-01-01")).await;
    let father = desk.add(born("Tom", "1985-01-01")).await;
    let child = desk.add(born("Ben", "2008-06-01")).await;
    let link = pb::ResponsibleAdult {
        member_id: child.id.clone(),
        adult_id: father.id.clone(),
        powers: vec![pb::responsible_adult::Power::Pickup.into()],
        ..Default::default()
    };
    let request = pb::CreateResponsibleAdultRequest { responsible_adult: Some(link) };
    let mut adults = ResponsibleAdultServiceClient::new(house.user(&["accounts.edit"]));
    adults.create_responsible_adult(request).await.unwrap();
    Family { mother, father, child }
}

#[tokio::test]
async fn for_a_child_only_an_adult_who_may_consent_decides() {
    let house = house().await;
    let Family { mother, father, child } = millers(&house).await;
    let document = publish(&house, "photo", "We take photos.", None).await;
    assert_eq!(document.text_hash.len(), 64);
    let asked = try_ask(&house, &child.id, "photo").await.unwrap();
    assert_eq!((asked.state(), asked.document_hash.as_str()), (State::Requested, document.text_hash.as_str()));

    for nobody in [&father, &child] {
        let refused = grant(&house, &asked.id, &nobody.id).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "MAY_NOT_CONSENT"));
    }
    let granted = grant(&house, &asked.id, &mother.id).await.unwrap();

    assert_eq!((granted.state(), granted.on_behalf, granted.etag.as_str()), (State::Granted, true, "2"));
    assert_eq!(granted.grantor_name.as_deref(), Some("Ann Miller"));
    let history = get(&house, &asked.id).await.history;
    assert_eq!(history.iter().map(pb::ConsentStep::state).collect::<Vec<_>>(), [State::Requested, State::Granted]);
    assert_eq!(history[1].recorded_by_name, "Test User");
    assert!(history[1].recorded_by.is_some() && history[1].document_hash == document.text_hash);
    let told = house.events::<pb::ConsentChanged>().await;
    assert_eq!(told[1], pb::ConsentChanged { consent: Some(granted.clone()), version: 2 });

    assert_eq!(reason(&withdraw(&house, &asked.id, Some(&father.id)).await.unwrap_err()), "MAY_NOT_CONSENT");
    assert_eq!(withdraw(&house, &asked.id, None).await.unwrap().state(), State::Withdrawn);
    assert_eq!(reason(&grant(&house, &asked.id, &mother.id).await.unwrap_err()), "CONSENT_SETTLED");
    try_ask(&house, &child.id, "photo").await.unwrap();
}

#[tokio::test]
async fn who_is_of_age_decides_for_himself() {
    let house = house().await;
    let Family { mother, father, .. } = millers(&house).await;
    publish(&house, "photo", "We take photos.", None).await;
    let asked = try_ask(&house, &father.id, "photo").await.unwrap();

    assert_eq!(reason(&grant(&house, &asked.id, &mother.id).await.unwrap_err()), "MAY_NOT_CONSENT");
    let request = pb::DeclineConsentRequest { id: asked.id.clone(), ..Default::default() };
    let declined = consents(&house).decline_consent(request).await.unwrap().into_inner().consent.unwrap();
    assert_eq!((declined.state(), declined.on_behalf), (State::Declined, false));
    assert_eq!(declined.grantor_id.as_deref(), Some(father.id.as_str()));
    assert_eq!(reason(&withdraw(&house, &asked.id, None).await.unwrap_err()), "CONSENT_SETTLED");
}

#[tokio::test]
async fn an_unknown_date_of_birth_counts_as_under_age_for_consent() {
    let house = house().await;
    millers(&house).await;
    let mut desk = desk(&house);
    let account = desk.open(family("Okafor Family")).await;
    let somebody = desk.add(person(&account, "Somebody", "Okafor")).await;
    publish(&house, "photo", "We take photos.", None).await;
    let asked = try_ask(&house, &somebody.id, "photo").await.unwrap();

    assert_eq!(reason(&grant(&house, &asked.id, &somebody.id).await.unwrap_err()), "MAY_NOT_CONSENT");
    let update = pb::Member { id: somebody.id.clone(), born_on: Some("1990-01-01".to_owned()), ..Default::default() };
    let request = pb::UpdateMemberRequest { member: Some(update), update_mask: mask(&["born_on"]) };
    desk.members.update_member(request).await.unwrap();
    assert_eq!(grant(&house, &asked.id, &somebody.id).await.unwrap().state(), State::Granted);
}

#[tokio::test]
async fn one_consent_of_a_type_is_open_and_only_for_a_text_there_is() {
    let house = house().await;
    let Family { child, .. } = millers(&house).await;
    let refused = try_ask(&house, &child.id, "photo").await.unwrap_err();
    assert_eq!(fields(&refused), ["consent.type"]);
    publish(&house, "photo", "We take photos.", None).await;

    let asked: Vec<_> = (0..4)
        .map(|_| {
            let mut consents = consents(&house);
            let consent = pb::Consent { member_id: child.id.clone(), r#type: "photo".to_owned(), ..Default::default() };
            spawn(async move { consents.create_consent(pb::CreateConsentRequest { consent: Some(consent) }).await })
        })
        .collect();
    let mut opened = 0;
    for asked in asked {
        match asked.await.unwrap() {
            Ok(_) => opened += 1,
            Err(refused) => {
                assert_eq!((refused.code(), reason(&refused)), (Code::AlreadyExists, "CONSENT_OPEN".to_owned()))
            }
        }
    }
    assert_eq!((opened, of(&house, &child.id).await.len()), (1, 1));
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_is_heard() {
    let house = house().await;
    let Family { mother, child, .. } = millers(&house).await;
    publish(&house, "photo", "We take photos.", None).await;
    for run in 0..20 {
        let asked = try_ask(&house, &child.id, "photo").await.unwrap();
        let (mut one, mut other) = (consents(&house), consents(&house));
        let by = Some(mother.id.clone());
        let yes = pb::GrantConsentRequest { id: asked.id.clone(), grantor_id: by.clone(), ..Default::default() };
        let no = pb::DeclineConsentRequest { id: asked.id.clone(), grantor_id: by, ..Default::default() };
        let yes = spawn(async move { one.grant_consent(yes).await.is_ok() });
        let no = spawn(async move { other.decline_consent(no).await.is_ok() });
        let (yes, no) = (yes.await.unwrap(), no.await.unwrap());
        assert!(yes != no, "run {run}: granted {yes}, declined {no}");
        assert_eq!(get(&house, &asked.id).await.history.len(), 2, "run {run}");
        if yes {
            withdraw(&house, &asked.id, None).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_newer_text_supersedes_what_was_granted_and_asks_again() {
    let house = house().await;
    let Family { mother, father, child } = millers(&house).await;
    publish(&house, "photo", "We take photos.", None).await;
    let granted = try_ask(&house, &child.id, "photo").await.unwrap();
    grant(&house, &granted.id, &mother.id).await.unwrap();
    let open = try_ask(&house, &father.id, "photo").await.unwrap();
    publish(&house, "newsletter", "We write.", None).await;

    let second = publish(&house, "photo", "We take photos and show them.", None).await;

    assert_eq!(second.version, 2);
    assert_eq!(get(&house, &granted.id).await.state(), State::Superseded);
    let consents_now = of(&house, &child.id).await;
    let again = consents_now.iter().find(|consent| consent.state() == State::Requested).unwrap();
    assert_eq!((consents_now.len(), again.document_version), (2, 2));
    let open = get(&house, &open.id).await;
    assert_eq!((open.state(), open.document_version, open.history.len()), (State::Requested, 2, 2));
    let old = pb::GrantConsentRequest {
        id: again.id.clone(),
        grantor_id: Some(mother.id.clone()),
        document_hash: Some(granted.document_hash),
        ..Default::default()
    };
    assert_eq!(reason(&consents(&house).grant_consent(old).await.unwrap_err()), "CONSENT_TEXT_OUTDATED");
    let published = house.events::<pb::ConsentDocumentPublished>().await;
    assert_eq!(published.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 1, 2]);
}

#[tokio::test]
async fn a_consent_ends_after_its_last_day_at_the_shop() {
    let house = house().await;
    let Family { mother, child, father } = millers(&house).await;
    publish(&house, "photo", "We take photos.", Some(30)).await;
    let asked = try_ask(&house, &child.id, "photo").await.unwrap();
    let granted = grant(&house, &asked.id, &mother.id).await.unwrap();
    assert_eq!(granted.expires_on.as_deref(), Some("2026-03-29"));
    let other = try_ask(&house, &father.id, "photo").await.unwrap();
    let day = |day: &str| pb::GrantConsentRequest {
        id: other.id.clone(),
        expires_on: Some(day.to_owned()),
        ..Default::default()
    };
    let refused = consents(&house).grant_consent(day("2026-02-26")).await.unwrap_err();
    assert_eq!(fields(&refused), ["expires_on"]);
    consents(&house).grant_consent(day("2027-01-01")).await.unwrap();

    // Half past eleven in the evening of the last day in Chicago.
    at(&house, "2026-03-30T04:30:00Z").await;
    assert_eq!(get(&house, &asked.id).await.state(), State::Granted);
    at(&house, "2026-03-30T05:30:00Z").await;
    assert_eq!(get(&house, &asked.id).await.state(), State::Expired);
    assert_eq!(get(&house, &other.id).await.state(), State::Granted);
    let steps = house.events::<pb::ConsentChanged>().await.len();
    at(&house, "2026-03-30T05:31:00Z").await;
    assert_eq!(house.events::<pb::ConsentChanged>().await.len(), steps, "it ends once");
}

#[tokio::test]
async fn what_was_given_for_a_child_is_outgrown_when_he_comes_of_age() {
    let house = house().await;
    let Family { mother, child, .. } = millers(&house).await;
    publish(&house, "photo", "We take photos.", None).await;
    let asked = try_ask(&house, &child.id, "photo").await.unwrap();
    grant(&house, &asked.id, &mother.id).await.unwrap();

    at(&house, "2026-06-01T04:30:00Z").await;
    assert_eq!(get(&house, &asked.id).await.state(), State::Granted);
    at(&house, "2026-06-01T05:30:00Z").await;
    assert_eq!(get(&house, &asked.id).await.state(), State::Outgrown);
    let consents_now = of(&house, &child.id).await;
    let again = consents_now.iter().find(|consent| consent.state() == State::Requested).unwrap();
    assert_eq!(reason(&grant(&house, &again.id, &mother.id).await.unwrap_err()), "MAY_NOT_CONSENT");
    let own = grant(&house, &again.id, &child.id).await.unwrap();
    assert!(!own.on_behalf);
}

#[tokio::test]
async fn who_comes_of_age_may_withdraw_what_was_granted_for_him() {
    let house = house().await;
    let Family { mother, child, .. } = millers(&house).await;
    publish(&house, "photo", "We take photos.", None).await;
    let asked = try_ask(&house, &child.id, "photo").await.unwrap();
    grant(&house, &asked.id, &mother.id).await.unwrap();
    assert_eq!(reason(&withdraw(&house, &asked.id, Some(&child.id)).await.unwrap_err()), "MAY_NOT_CONSENT");
    house.clock.set("2026-06-01T18:00:00Z".parse().unwrap());
    assert_eq!(withdraw(&house, &asked.id, Some(&child.id)).await.unwrap().state(), State::Withdrawn);
}

#[tokio::test]
async fn no_step_is_ever_changed_or_skipped_in_the_database() {
    let house = house().await;
    let Family { mother, child, father } = millers(&house).await;
    publish(&house, "photo", "We take photos.", None).await;
    let asked = try_ask(&house, &child.id, "photo").await.unwrap();
    let mut sql = house.sql().await;
    // The database goes by its own clock unless it is told the day.
    sqlx::query("set accounts.of_age_born_by = '2008-02-27'").execute(&mut sql).await.unwrap();
    let add = "insert into consent_step (consent_id, number, state, document_id, grantor_id, recorded_by_name)
               select consent_id, number + $4, $3, document_id, $2::uuid, 'somebody'
                 from consent_step where consent_id = $1::uuid order by number desc limit 1";
    for (grantor, state, skip, constraint) in [
        (Some(&father.id), "granted", 1, "consent_step_grantor_check"),
        (Some(&child.id), "declined", 1, "consent_step_grantor_check"),
        (Some(&mother.id), "granted", 2, "consent_step_transition_check"),
        (Some(&mother.id), "withdrawn", 1, "consent_step_transition_check"),
        (None, "expired", 1, "consent_step_transition_check"),
        (None, "granted", 1, "consent_step_grantor_check"),
    ] {
        let refused = sqlx::query(add).bind(&asked.id).bind(grantor).bind(state).bind(skip).execute(&mut sql).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().constraint(), Some(constraint), "{state}");
    }
    for statement in [
        "update consent_step set state = 'granted'",
        "delete from consent_step",
        "update consent set type = 'other'",
        "update consent_document set body = 'other'",
        "truncate consent_step",
    ] {
        let refused = sqlx::query(statement).execute(&mut sql).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
    }
    assert_eq!(get(&house, &asked.id).await.history.len(), 1);
}

#[tokio::test]
async fn consents_and_their_texts_are_listed_by_the_convention() {
    let house = house().await;
    let Family { child, .. } = millers(&house).await;
    for kind in ["photo", "newsletter", "trip", "terms"] {
        publish(&house, kind, "A text.", None).await;
        try_ask(&house, &child.id, kind).await.unwrap();
    }
    let voice = || house.user(&["accounts.view"]);
    list_behaves(voice(), "accounts.v1.ConsentService/ListConsents", &[]).await;
    list_behaves(voice(), "accounts.v1.ConsentService/ListMemberConsents", &[("member_id", &child.id)]).await;
    list_behaves(voice(), "accounts.v1.ConsentDocumentService/ListConsentDocuments", &[]).await;
    let request = pb::ListConsentsRequest { r#type: Some("trip".to_owned()), state: Some(1), ..Default::default() };
    let trips = consents(&house).list_consents(request).await.unwrap().into_inner().data;
    assert_eq!(trips.iter().map(|consent| consent.r#type.as_str()).collect::<Vec<_>>(), ["trip"]);
}
