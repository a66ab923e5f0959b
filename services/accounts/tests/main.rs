//! The accounts service through its own door.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod account;
mod account_export;
mod account_import;
mod account_import_content;
mod age_out;
mod consent;
mod duplicate;
mod erasing;
mod file;
mod file_life;
mod histories;
mod identity_document;
mod list;
mod member;
mod merge;
mod minor;
mod moving;
mod note;
mod payer_share;
mod payment_method;
mod personal_data;
mod reach;
mod reasons;
mod reference;
mod responsible;
mod retention;
mod search;
mod seed;
mod tag;
mod tax_exemption;
mod totals;

use accounts::{Accounts, Settings};
use proto::accounts::v1 as pb;
use proto::accounts::v1::account_merge_service_client::AccountMergeServiceClient;
use proto::accounts::v1::account_service_client::AccountServiceClient;
use proto::accounts::v1::external_reference_service_client::ExternalReferenceServiceClient;
use proto::accounts::v1::member_service_client::MemberServiceClient;
use proto::accounts::v1::payment_method_service_client::PaymentMethodServiceClient;
use proto::accounts::v1::processor_link_service_client::ProcessorLinkServiceClient;
use proto::identity::v1::{Shop, ShopChanged, shop::TaxRounding};
use testing::{Builder, House, Voice};
use tonic::Status;
use tonic_types::StatusExt;

/// Half past eleven in the evening of 27 February in Chicago.
const EVENING: &str = "2026-02-28T05:30:00Z";

fn settings() -> Settings {
    Settings::new(testing::field_key(), file::files_url())
}

async fn house() -> House<Accounts> {
    house_with(settings()).await
}

async fn house_with(settings: Settings) -> House<Accounts> {
    let house = Builder::default().at(EVENING).open::<Accounts>(settings).await;
    house.hears(&shop_changed(1, |_| ())).await.unwrap();
    house
}

/// What identity tells of the shop.
fn shop_changed(version: i64, change: impl FnOnce(&mut Shop)) -> ShopChanged {
    let mut shop = Shop {
        name: "Harmony Music".to_owned(),
        currency: "USD".to_owned(),
        currency_digits: 2,
        time_zone: "America/Chicago".to_owned(),
        tax_rounding: TaxRounding::Line.into(),
        cash_rounding_minor_units: 1,
        country: "US".to_owned(),
        majority_years: 18,
        online_consent_years: 13,
        ..Shop::default()
    };
    change(&mut shop);
    ShopChanged { shop: Some(shop), version }
}

/// A manager's clients.
struct Desk {
    accounts: AccountServiceClient<Voice>,
    members: MemberServiceClient<Voice>,
    merges: AccountMergeServiceClient<Voice>,
    methods: PaymentMethodServiceClient<Voice>,
    references: ExternalReferenceServiceClient<Voice>,
    links: ProcessorLinkServiceClient<Voice>,
}

fn desk(house: &House<Accounts>) -> Desk {
    let voice = house.user(&["accounts.admin"]);
    Desk {
        accounts: AccountServiceClient::new(voice.clone()),
        members: MemberServiceClient::new(voice.clone()),
        merges: AccountMergeServiceClient::new(voice.clone()),
        methods: PaymentMethodServiceClient::new(voice.clone()),
        references: ExternalReferenceServiceClient::new(voice.clone()),
        links: ProcessorLinkServiceClient::new(voice),
    }
}

impl Desk {
    async fn open(&mut self, account: pb::Account) -> pb::Account {
        let request = pb::CreateAccountRequest { account: Some(account), ..Default::default() };
        self.accounts.create_account(request).await.unwrap().into_inner().account.unwrap()
    }

    async fn add(&mut self, member: pb::Member) -> pb::Member {
        let request = pb::CreateMemberRequest { member: Some(member) };
        self.members.create_member(request).await.unwrap().into_inner().member.unwrap()
    }

    /// Merges the source into the target.
    async fn merge(&mut self, target: &str, source: &str) -> Result<pb::AccountMerge, Status> {
        let request = pb::MergeAccountsRequest {
            id: target.to_owned(),
            source_id: source.to_owned(),
            reason: "the same family".to_owned(),
        };
        Ok(self.merges.merge_accounts(request).await?.into_inner().account_merge.unwrap())
    }

    async fn undo(&mut self, merge: &str) -> Result<pb::AccountMerge, Status> {
        let request = pb::UndoAccountMergeRequest { id: merge.to_owned() };
        Ok(self.merges.undo_account_merge(request).await?.into_inner().account_merge.unwrap())
    }

    async fn keep_card(&mut self, account: &str, token: &str) -> pb::PaymentMethod {
        let payment_method = pb::PaymentMethod {
            account_id: account.to_owned(),
            processor: "stripe".to_owned(),
            provider_token: token.to_owned(),
            ..Default::default()
        };
        let request = pb::CreatePaymentMethodRequest { payment_method: Some(payment_method) };
        self.methods.create_payment_method(request).await.unwrap().into_inner().payment_method.unwrap()
    }

    async fn refer(&mut self, account: &str, external_id: &str) -> pb::ExternalReference {
        let external_reference = pb::ExternalReference {
            account_id: account.to_owned(),
            system: "aim".to_owned(),
            external_id: external_id.to_owned(),
            ..Default::default()
        };
        let request = pb::CreateExternalReferenceRequest { external_reference: Some(external_reference) };
        self.references.create_external_reference(request).await.unwrap().into_inner().external_reference.unwrap()
    }

    async fn link(&mut self, account: &str, customer_id: &str) -> pb::ProcessorLink {
        let processor_link = pb::ProcessorLink {
            account_id: account.to_owned(),
            processor: "stripe".to_owned(),
            customer_id: customer_id.to_owned(),
            ..Default::default()
        };
        let request = pb::CreateProcessorLinkRequest { processor_link: Some(processor_link) };
        self.links.create_processor_link(request).await.unwrap().into_inner().processor_link.unwrap()
    }

    async fn account(&mut self, id: &str) -> pb::Account {
        let request = pb::GetAccountRequest { id: id.to_owned() };
        self.accounts.get_account(request).await.unwrap().into_inner().account.unwrap()
    }

    async fn member(&mut self, id: &str) -> pb::Member {
        let request = pb::GetMemberRequest { id: id.to_owned() };
        self.members.get_member(request).await.unwrap().into_inner().member.unwrap()
    }

    /// The names of the first page of a search, and the total.
    async fn found(&mut self, q: &str) -> (Vec<String>, i64) {
        let request = pb::ListAccountsRequest { q: q.to_owned(), ..Default::default() };
        let answer = self.accounts.list_accounts(request).await.unwrap().into_inner();
        (answer.data.into_iter().map(|account| account.name).collect(), answer.pagination.unwrap().total)
    }
}

fn family(name: &str) -> pb::Account {
    pb::Account { kind: pb::account::Kind::Family.into(), name: name.to_owned(), ..Default::default() }
}

fn person(account: &pb::Account, first_name: &str, last_name: &str) -> pb::Member {
    pb::Member {
        account_id: account.id.clone(),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        ..Default::default()
    }
}

fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

/// The reason of a refusal.
fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

/// The fields that a refusal blames.
fn fields(status: &Status) -> Vec<String> {
    let blamed = status.get_details_bad_request().map(|blamed| blamed.field_violations).unwrap_or_default();
    blamed.into_iter().map(|violation| violation.field).collect()
}
