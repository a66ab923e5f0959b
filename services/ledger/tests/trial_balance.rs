//! Balances as of a date.

use std::collections::BTreeMap;

use ledger::Ledger;
use proto::ledger::v1 as pb;
use proto::ledger::v1::report_service_client::ReportServiceClient;
use proto::pos::v1::{Sale, tender};
use testing::House;

use crate::support::*;

async fn trial_balance(house: &House<Ledger>, as_of: Option<&str>) -> pb::GetTrialBalanceResponse {
    let mut client = ReportServiceClient::new(house.user(&["ledger.view"]));
    let request = pb::GetTrialBalanceRequest { as_of: as_of.map(str::to_owned) };
    client.get_trial_balance(request).await.unwrap().into_inner()
}

/// Balances that are not zero; debits are positive.
fn balances(report: &pb::GetTrialBalanceResponse) -> BTreeMap<&str, i64> {
    let balance = |line: &pb::TrialBalanceLine| {
        let (debit, credit) = (line.debit.as_ref().unwrap().minor_units, line.credit.as_ref().unwrap().minor_units);
        assert!(debit >= 0 && credit >= 0 && (debit == 0 || credit == 0), "a balance has one side");
        debit - credit
    };
    let all = report.data.iter().map(|line| (line.code.as_str(), balance(line)));
    all.filter(|(_, balance)| *balance != 0).collect()
}

#[tokio::test]
async fn a_balance_counts_what_is_dated_up_to_its_day_and_today_is_the_shops() {
    let house = open().await;
    for (day, total) in [("2026-11-20", 500), ("2026-11-21", 300), ("2026-11-22", 9000)] {
        let sale = Sale { business_on: Some(day.to_owned()), ..sale(total) };
        house.hears(&completed(&sale)).await.unwrap();
    }
    assert_eq!(balances(&trial_balance(&house, Some("2026-11-19")).await), BTreeMap::new());
    let early = trial_balance(&house, Some("2026-11-20")).await;
    assert_eq!(balances(&early), BTreeMap::from([("1050", 500), ("4000", -500)]));
    assert_eq!(early.data.len(), 21, "every account has its line");
    assert_eq!((early.total_debit, early.total_credit), (money(500), money(500)));
    let today = trial_balance(&house, None).await;
    assert_eq!(today.as_of, "2026-11-21");
    assert_eq!(balances(&today), BTreeMap::from([("1050", 800), ("4000", -800)]));
    // In London it is the 22nd already; in Chicago it is not.
    house.clock.set("2026-11-22T02:00:00Z".parse().unwrap());
    assert_eq!(trial_balance(&house, None).await.as_of, "2026-11-21");

    let mut client = ReportServiceClient::new(house.user(&["ledger.view"]));
    let bad = pb::GetTrialBalanceRequest { as_of: Some("2026-02-30".to_owned()) };
    let status = client.get_trial_balance(bad).await.unwrap_err();
    assert_eq!(fields(&status), ["as_of"]);
}

/// A small generator: the history is random, and the same on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % limit
    }
}

#[tokio::test]
async fn after_any_history_the_books_balance_and_agree_with_a_reckoning_by_hand() {
    let house = open().await;
    let mut dice = Dice(20_261_121);
    let mut expected: BTreeMap<&str, i64> = BTreeMap::new();
    let mut sold: Vec<Sale> = Vec::new();
    for _ in 0..150 {
        let mut book = |code, amount| *expected.entry(code).or_default() += amount;
        match dice.below(7) {
            0..=2 => {
                let (goods, services, tax) = (dice.below(90_000), dice.below(9000), dice.below(900));
                let rounding = dice.below(5) - 2;
                let (card, change) = (dice.below(5000), dice.below(100));
                let paid = goods + services + tax + rounding - card;
                let sale = Sale {
                    lines: vec![line("goods", goods), line("service", services)],
                    tenders: vec![
                        tendered(tender::Kind::Card, card, 0),
                        tendered(tender::Kind::Cash, paid + change, change),
                    ],
                    net: money(goods + services),
                    tax: money(tax),
                    total: money(goods + services + tax),
                    cash_rounding: money(rounding),
                    ..sale(0)
                };
                house.hears(&completed(&sale)).await.unwrap();
                for (code, amount) in [
                    ("1050", card),
                    ("1010", paid),
                    ("4000", -goods),
                    ("4100", -services),
                    ("2100", -tax),
                    ("5950", -rounding),
                ] {
                    book(code, amount);
                }
                sold.push(sale);
            }
            3 if !sold.is_empty() => {
                let sale = sold.swap_remove(usize::try_from(dice.below(i64::try_from(sold.len()).unwrap())).unwrap());
                house.hears(&voided(&sale, TODAY)).await.unwrap();
                for entry in entries_of(&house, &sale.id).await.iter().take(1) {
                    for (code, amount) in sides(entry) {
                        let code = expected.keys().find(|known| **known == code).copied().unwrap();
                        *expected.entry(code).or_default() -= amount;
                    }
                }
            }
            4 => {
                let (value, adjustment) = (dice.below(50_000), dice.below(2000) - 1000);
                house.hears(&received(value)).await.unwrap();
                house.hears(&adjusted(adjustment)).await.unwrap();
                for (code, amount) in [("1300", value + adjustment), ("2050", -value), ("5100", -adjustment)] {
                    book(code, amount);
                }
            }
            5 => {
                let cost = dice.below(9000);
                house.hears(&issued(&new_id(), cost)).await.unwrap();
                book("5000", cost);
                book("1300", -cost);
            }
            _ => {
                let (float, difference) = (dice.below(20_000), dice.below(200) - 100);
                let counted = float + 1000 + difference;
                house.hears(&drawer_opened(float)).await.unwrap();
                house.hears(&drawer_closed(float + 1000, counted)).await.unwrap();
                for (code, amount) in
                    [("1010", float + difference - counted), ("1000", counted - float), ("5900", -difference)]
                {
                    book(code, amount);
                }
            }
        }
    }
    assert!(exceptions(&house, false).await.is_empty());
    let report = trial_balance(&house, None).await;
    assert_eq!(report.total_debit, report.total_credit);
    expected.retain(|_, balance| *balance != 0);
    assert_eq!(balances(&report), expected);
}

#[tokio::test]
async fn the_demo_is_seeded_once_with_rates_and_an_opening_balance() {
    use kit::Service;
    let house = testing::Builder::default().at(NOW).open::<Ledger>(ledger::Settings {}).await;
    house.service.seed().await.unwrap();
    house.service.seed().await.unwrap();
    let report = trial_balance(&house, None).await;
    assert_eq!(balances(&report), BTreeMap::from([("1000", 500_000), ("3000", -500_000)]));
    let rates = house.events::<pb::TaxRateChanged>().await;
    let rates: Vec<_> = rates.iter().map(|told| told.tax_rate.as_ref().unwrap().rate.as_str()).collect();
    assert_eq!(rates, ["8.25", "7.75"]);
}
