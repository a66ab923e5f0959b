//! What families consented to, and which schools pay no tax.

use chrono::{DateTime, Days, Utc};
use db::Tx;
use types::id::demo_id;

use crate::Error;
use crate::account::{self, Kind};
use crate::consent::{self, ConsentId, Next, Recorder, State};
use crate::consent_document::{self, ConsentDocumentId, Text};
use crate::member::Ages;
use crate::responsible_adult::{self, Power};
use crate::tax_exemption::{self, Details, Done, TaxExemptionId, Who};

const MANAGER: &str = "Marcus Bell";

/// Kind, title, text.
const DOCUMENTS: [(&str, &str, &str); 2] = [
    (
        "photo",
        "Photos and recordings",
        "We take photos and recordings at recitals and show them in the shop and on our pages. You may withdraw this \
         consent at any time.",
    ),
    (
        "treatment",
        "First aid",
        "If I cannot be reached, the staff may call a doctor for my child and follow the doctor's advice.",
    ),
];

pub(super) async fn fill(
    tx: &mut Tx,
    accounts: &[account::Draft],
    responsible: &[responsible_adult::Draft],
    ages: Ages,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    consents(tx, responsible).await?;
    exemptions(tx, accounts, ages, now).await
}

/// Every fourth child was asked for photos; of those every third is still to be answered.
async fn consents(tx: &mut Tx, responsible: &[responsible_adult::Draft]) -> Result<(), Error> {
    let by = || Recorder { id: None, name: MANAGER.to_owned(), client_ip: None };
    let mut documents = Vec::new();
    for (n, (kind, title, body)) in (1..).zip(DOCUMENTS) {
        let draft = consent_document::Draft {
            id: ConsentDocumentId::from_uuid(demo_id(6, n)),
            kind: kind.to_owned(),
            text: Text { title: title.to_owned(), body: body.to_owned(), valid_days: None },
            published_by: None,
            published_by_name: MANAGER.to_owned(),
        };
        documents.push(consent_document::rpc::publish(tx, &draft).await?);
    }
    let may_consent = responsible.iter().filter(|adult| adult.details.powers.contains(&Power::Consent));
    let mut asked = std::collections::BTreeSet::new();
    for (n, adult) in (1..).zip(may_consent).filter(|(n, _)| n % 4 == 1) {
        if !asked.insert(adult.member_id) {
            continue;
        }
        let id = ConsentId::from_uuid(demo_id(7, n));
        let document = &documents[0];
        let request = consent::Consent::request(id, document.id, by());
        consent::store::insert(tx, &[(id, adult.member_id)], &document.kind).await?;
        consent::store::append(tx, std::slice::from_ref(&request)).await?;
        let consent = consent::store::get(tx, id).await?;
        consent::rpc::tell(tx, &consent);
        if n % 3 > 0 {
            let granted =
                Next { number: 2, state: State::Granted, grantor_id: Some(adult.adult_id), on_behalf: true, ..request };
            consent::store::append(tx, &[granted]).await?;
            consent::rpc::recorded(tx, id, State::Requested).await?;
        }
    }
    Ok(())
}

/// Every third business is a school that has shown its certificate, and one has still to show it.
async fn exemptions(tx: &mut Tx, accounts: &[account::Draft], ages: Ages, now: DateTime<Utc>) -> Result<(), Error> {
    let businesses = accounts.iter().filter(|account| account.details.kind == Kind::Business);
    for (n, account) in (1..).zip(businesses).filter(|(n, _)| n % 3 == 1) {
        let id = TaxExemptionId::from_uuid(demo_id(8, n));
        let who = || Who { id: None, name: MANAGER.to_owned() };
        let details = Details { reason: "a public school".to_owned(), certificate_number: None, expires_on: None };
        let draft = tax_exemption::Draft { id, account_id: account.id, details: details.clone(), requested_by: who() };
        let exemption = tax_exemption::rpc::create(tx, &draft).await?;
        if n > 1 {
            let proven = Details {
                certificate_number: Some(format!("E-{}", 9900 + n)),
                expires_on: ages.today.checked_add_days(Days::new(90 + u64::from(n) * 20)),
                ..details
            };
            let approved = exemption.clone().approve(proven, Done { by: who(), at: now }, ages.today)?;
            tax_exemption::rpc::moved(tx, &exemption, &approved).await?;
        }
    }
    Ok(())
}
