//! The books when accounts turn out to be one: not a word of them changes, and both are found.

use ledger::Ledger;
use proto::accounts::v1 as accounts;
use proto::ledger::v1 as pb;
use proto::ledger::v1::report_service_client::ReportServiceClient;
use proto::pos::v1::Sale;
use testing::House;

use crate::support::*;

const HISTORIES: u64 = 20;

fn named(id: &str, name: &str, version: i64) -> accounts::AccountChanged {
    let account = accounts::Account { id: id.to_owned(), name: name.to_owned(), ..Default::default() };
    accounts::AccountChanged { account: Some(account), version }
}

fn merged(source: &str, target: &str, version: i64) -> accounts::AccountMerged {
    accounts::AccountMerged {
        merge_id: new_id(),
        source_id: source.to_owned(),
        target_id: target.to_owned(),
        version,
        ..Default::default()
    }
}

fn unmerged(source: &str, target: &str, version: i64) -> accounts::AccountUnmerged {
    accounts::AccountUnmerged {
        merge_id: new_id(),
        source_id: source.to_owned(),
        target_id: target.to_owned(),
        version,
        ..Default::default()
    }
}

/// The amounts of the entries of an account, and whose each of them says it is.
async fn statement(house: &House<Ledger>, account: &str) -> Vec<(i64, String)> {
    let request = pb::ListJournalEntriesRequest { account_id: Some(account.to_owned()), ..Default::default() };
    let data = journal(house).list_journal_entries(request).await.unwrap().into_inner().data;
    data.into_iter().map(|entry| (entry.amount.unwrap().minor_units, entry.account_name.unwrap_or_default())).collect()
}

/// The books to the last letter: all rows, and the balances.
async fn books(house: &House<Ledger>) -> (Vec<String>, pb::GetTrialBalanceResponse) {
    let rows = "select to_jsonb(e)::text from journal_entry e
                union all
                select to_jsonb(l)::text from journal_line l
                order by 1";
    let rows = sqlx::query_scalar(rows).fetch_all(&mut house.sql().await).await.unwrap();
    let mut reports = ReportServiceClient::new(house.user(&["ledger.view"]));
    let balance = reports.get_trial_balance(pb::GetTrialBalanceRequest::default()).await.unwrap().into_inner();
    (rows, balance)
}

async fn sold_to(house: &House<Ledger>, account: &str, total: i64) -> Sale {
    let sale = Sale { account_id: Some(account.to_owned()), ..sale(total) };
    house.hears(&completed(&sale)).await.unwrap();
    sale
}

#[tokio::test]
async fn an_entry_says_whose_business_it_was_and_a_reversal_too() {
    let house = open().await;
    let account = new_id();
    house.hears(&named(&account, "Miller", 2)).await.unwrap();
    house.hears(&named(&account, "Millar", 1)).await.unwrap();
    let sold = sold_to(&house, &account, 500).await;
    house.hears(&voided(&sold, TODAY)).await.unwrap();
    house.hears(&completed(&sale(300))).await.unwrap();

    assert_eq!(statement(&house, &account).await, [(500, "Miller".to_owned()), (500, "Miller".to_owned())]);
    let all = entries(&house).await;
    assert_eq!(all.iter().filter(|entry| entry.account_id.is_none()).count(), 1, "a walk-in is nobody");
    let taken_back = reverse(&house, &all[1].id).await.unwrap();
    assert_eq!(taken_back.account_id, Some(account));
}

#[tokio::test]
async fn a_merge_changes_no_entry_and_both_accounts_are_found() {
    let house = open().await;
    let (source, target) = (new_id(), new_id());
    for (id, name) in [(&source, "Millar"), (&target, "Miller")] {
        house.hears(&named(id, name, 1)).await.unwrap();
    }
    sold_to(&house, &source, 500).await;
    sold_to(&house, &target, 700).await;
    let before = books(&house).await;

    house.hears(&merged(&source, &target, 2)).await.unwrap();

    assert_eq!(books(&house).await, before);
    let both = [(500, "Millar".to_owned()), (700, "Miller".to_owned())];
    for id in [&source, &target] {
        assert_eq!(statement(&house, id).await, both);
    }
    house.hears(&unmerged(&source, &target, 3)).await.unwrap();
    assert_eq!(books(&house).await, before);
    assert_eq!(statement(&house, &source).await, both[..1]);
    assert_eq!(statement(&house, &target).await, both[1..]);
    assert_eq!(exceptions(&house, false).await, []);
}

#[tokio::test]
async fn twenty_random_histories_leave_the_books_identical() {
    let house = open().await;
    let ids: Vec<String> = (0..5).map(|_| new_id()).collect();
    for (n, id) in ids.iter().enumerate() {
        house.hears(&named(id, &format!("Account {n}"), 1)).await.unwrap();
        sold_to(&house, id, 100 * (i64::try_from(n).unwrap() + 1)).await;
    }
    let before = books(&house).await;
    let mut versions = vec![1; ids.len()];
    for seed in 1..=HISTORIES {
        println!("seed {seed}");
        let mut state = seed;
        let mut below = |sides: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % sides
        };
        // Where each leads, and what is told of it.
        let mut into: Vec<Option<usize>> = vec![None; ids.len()];
        let mut news = Vec::new();
        for _ in 0..12 {
            let (source, target) = (below(ids.len()), below(ids.len()));
            match into[source] {
                None if source != target && into[target].is_none() => into[source] = Some(target),
                Some(target) if into[target].is_none() => into[source] = None,
                _ => continue,
            }
            versions[source] += 1;
            news.push((source, into[source], versions[source]));
        }
        // Told twice, the later half of it first.
        let turn = below(news.len().max(1));
        news.rotate_left(turn);
        for (source, target, version) in news.iter().chain(news.iter().rev()) {
            match target {
                Some(target) => house.hears(&merged(&ids[*source], &ids[*target], *version)).await.unwrap(),
                None => house.hears(&unmerged(&ids[*source], "", *version)).await.unwrap(),
            }
        }
        assert_eq!(books(&house).await, before, "seed {seed}");
        let stands = |mut at: usize| {
            while let Some(next) = into[at] {
                at = next;
            }
            at
        };
        for (n, id) in ids.iter().enumerate() {
            let found: i64 = statement(&house, id).await.iter().map(|(amount, _)| amount).sum();
            let kin = (0..ids.len()).filter(|other| stands(*other) == stands(n));
            let expected: i64 = kin.map(|other| 100 * (i64::try_from(other).unwrap() + 1)).sum();
            assert_eq!(found, expected, "seed {seed}: account {n}");
        }
        // Everything is undone before the next history begins.
        for (n, target) in into.iter().enumerate() {
            if target.is_some() {
                versions[n] += 1;
                house.hears(&unmerged(&ids[n], "", versions[n])).await.unwrap();
            }
        }
    }
    assert_eq!(exceptions(&house, false).await, []);
}
