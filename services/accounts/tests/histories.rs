//! Random histories of merges and their undoing, beside a model that knows what must come of them.

use std::collections::BTreeMap;

use proto::accounts::v1 as pb;
use sqlx::Row;
use testing::House;

use crate::{Desk, desk, family, house, person, reason};

const HISTORIES: u64 = 20;
const STEPS: u64 = 16;
const ACCOUNTS: u64 = 4;

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(usize::try_from(self.below(of.len() as u64)).unwrap()) }
    }
}

/// What must be: who owns each row, and which merges hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    /// By kind and id.
    owners: BTreeMap<(&'static str, String), String>,
    into: BTreeMap<String, String>,
    merges: Vec<Merge>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Merge {
    id: String,
    source: String,
    target: String,
    rows: Vec<(&'static str, String)>,
}

impl Model {
    fn standing(&self, accounts: &[String]) -> Vec<String> {
        accounts.iter().filter(|id| !self.into.contains_key(*id)).cloned().collect()
    }

    fn leads_to(&self, id: &str) -> String {
        self.into.get(id).map_or_else(|| id.to_owned(), |next| self.leads_to(next))
    }

    fn merge(&mut self, id: String, source: &str, target: &str) {
        let rows: Vec<_> =
            self.owners.iter().filter(|(_, owner)| *owner == source).map(|(row, _)| row.clone()).collect();
        for row in &rows {
            self.owners.insert(row.clone(), target.to_owned());
        }
        self.into.insert(source.to_owned(), target.to_owned());
        self.merges.push(Merge { id, source: source.to_owned(), target: target.to_owned(), rows });
    }

    /// Whether it could be undone.
    fn undo(&mut self, place: usize) -> bool {
        if self.into.contains_key(&self.merges[place].target) {
            return false;
        }
        let merge = self.merges.remove(place);
        for row in merge.rows {
            if let Some(owner) = self.owners.get_mut(&row)
                && *owner == merge.target
            {
                owner.clone_from(&merge.source);
            }
        }
        self.into.remove(&merge.source);
        true
    }
}

/// What is: who owns each row.
async fn owners(house: &House<accounts::Accounts>) -> BTreeMap<(&'static str, String), String> {
    let mut sql = house.sql().await;
    let mut owners = BTreeMap::new();
    for kind in ["member", "payment_method", "external_reference", "processor_link"] {
        let rows = sqlx::AssertSqlSafe(format!("select id::text, account_id::text from {kind}"));
        for row in sqlx::query(rows).fetch_all(&mut sql).await.unwrap() {
            owners.insert((kind, row.get("id")), row.get("account_id"));
        }
    }
    owners
}

/// All that could change with a merge, as text: after everything is undone it is what it was.
async fn picture(house: &House<accounts::Accounts>) -> Vec<(String, String)> {
    let rows = "
        select 'account' as kind, (to_jsonb(a) - '{version,updated_at}'::text[])::text as line from account a
        union all
        select 'member', (to_jsonb(m) - '{version,updated_at}'::text[])::text from member m
        union all
        select 'payment method', (to_jsonb(p) - '{version,updated_at}'::text[])::text from payment_method p
        union all
        select 'reference', to_jsonb(r)::text from external_reference r
        union all
        select 'link', to_jsonb(l)::text from processor_link l
        union all
        select 'responsible', to_jsonb(r)::text from responsible_adult r
        union all
        select 'consent', (to_jsonb(c) || to_jsonb(s))::text from consent c join consent_step s on s.consent_id = c.id
        order by kind, line";
    sqlx::query_as(rows).fetch_all(&mut house.sql().await).await.unwrap()
}

/// Somebody is asked for a consent.
const CONSENT: &str = "
with document as (
    insert into consent_document (id, type, version, title, body, body_sha256, published_by_name)
    values (gen_random_uuid(), 'photo_' || left(md5($1), 12), 1, 'Photos', 'Text', encode(sha256('Text'), 'hex'), 'Ann')
    returning id, type
), consent as (
    insert into consent (id, member_id, type) select gen_random_uuid(), $1::uuid, type from document returning id
)
select consent.id, document.id from consent, document";
const REQUESTED: &str = "
insert into consent_step (consent_id, number, state, document_id, recorded_by_name) values ($1, 1, 'requested', $2, 'Ann')";

async fn ask(house: &House<accounts::Accounts>, member: &str) {
    let mut sql = house.sql().await;
    let (consent, document): (uuid::Uuid, uuid::Uuid) =
        sqlx::query_as(CONSENT).bind(member).fetch_one(&mut sql).await.unwrap();
    sqlx::query(REQUESTED).bind(consent).bind(document).execute(&mut sql).await.unwrap();
}

/// An account with something of everything: an adult, perhaps children, their consents, and what is paid by.
async fn furnish(house: &House<accounts::Accounts>, desk: &mut Desk, model: &mut Model, seed: u64, n: u64) -> String {
    let tags = vec![format!("tag {}", n % 3), "all".to_owned()];
    let account = desk.open(pb::Account { tags, ..family(&format!("Family {n} of {seed}")) }).await;
    let mut rows = Vec::new();
    for k in 0..=n % 3 {
        let born_on = Some(if k == 0 { "1980-05-01" } else { "2016-05-01" }.to_owned());
        let member = desk.add(pb::Member { born_on, ..person(&account, &format!("Nr {k}"), "Miller") }).await;
        ask(house, &member.id).await;
        rows.push(("member", member.id));
        rows.push(("payment_method", desk.keep_card(&account.id, &format!("pm_{seed}_{n}_{k}_0000")).await.id));
    }
    rows.push(("external_reference", desk.refer(&account.id, &format!("{seed}-{n}")).await.id));
    rows.push(("processor_link", desk.link(&account.id, &format!("cus_{seed}_{n}")).await.id));
    model.owners.extend(rows.into_iter().map(|row| (row, account.id.clone())));
    account.id
}

async fn check(house: &House<accounts::Accounts>, desk: &mut Desk, model: &Model, accounts: &[String], seed: u64) {
    assert_eq!(owners(house).await, model.owners, "seed {seed}: nothing is lost and all is where it should be");
    for id in accounts {
        let found = desk.account(id).await;
        assert_eq!(found.id, model.leads_to(id), "seed {seed}: {id} leads to what stands");
        let members = model.owners.iter().filter(|((kind, _), owner)| *kind == "member" && **owner == found.id);
        assert_eq!(usize::try_from(found.member_count).unwrap(), members.count(), "seed {seed}: {id} is counted");
    }
}

/// One step of life; merges and undoings more often than the rest.
async fn step(desk: &mut Desk, model: &mut Model, accounts: &[String], dice: &mut Dice, seed: u64) {
    let standing = model.standing(accounts);
    match dice.below(10) {
        0..=3 => {
            let (source, target) = (dice.pick(&standing).unwrap(), dice.pick(&standing).unwrap());
            if source == target {
                return;
            }
            let merge = desk.merge(target, source).await.unwrap();
            model.merge(merge.id, source, target);
        }
        4..=6 if !model.merges.is_empty() => {
            let place = usize::try_from(dice.below(model.merges.len() as u64)).unwrap();
            let id = model.merges[place].id.clone();
            let undone = desk.undo(&id).await;
            if model.undo(place) {
                undone.unwrap_or_else(|refused| panic!("seed {seed}: {refused}"));
            } else {
                assert_eq!(reason(&undone.unwrap_err()), "MERGED_ONWARD", "seed {seed}");
            }
        }
        7 => {
            let account = pb::Account { id: dice.pick(&standing).unwrap().clone(), ..Default::default() };
            let member = desk.add(person(&account, "New", "Miller")).await;
            model.owners.insert(("member", member.id), account.id);
        }
        8 => {
            let members: Vec<_> = model.owners.keys().filter(|(kind, _)| *kind == "member").cloned().collect();
            let (row, to) = (dice.pick(&members).unwrap().clone(), dice.pick(&standing).unwrap().clone());
            if model.owners[&row] == to {
                return;
            }
            let request = pb::MoveMemberRequest { id: row.1.clone(), account_id: to.clone() };
            match desk.members.move_member(request).await {
                Ok(_) => drop(model.owners.insert(row, to)),
                // Nobody leaves a child behind for whom he alone answers.
                Err(refused) => assert_eq!(reason(&refused), "LAST_RESPONSIBLE_ADULT", "seed {seed}"),
            }
        }
        _ => {
            let cards: Vec<_> = model.owners.keys().filter(|(kind, _)| *kind == "payment_method").cloned().collect();
            let Some(card) = dice.pick(&cards).cloned() else { return };
            let request = pb::DeletePaymentMethodRequest { id: card.1.clone() };
            desk.methods.delete_payment_method(request).await.unwrap();
            model.owners.remove(&card);
        }
    }
}

#[tokio::test]
async fn twenty_random_histories_lose_nothing_and_lead_where_they_must() {
    let house = house().await;
    let mut all = Model::default();
    for seed in 1..=HISTORIES {
        println!("seed {seed}");
        // A service's token holds for a minute.
        let mut desk = desk(&house);
        let mut dice = Dice(seed);
        let mut accounts = Vec::new();
        for n in 0..ACCOUNTS {
            accounts.push(furnish(&house, &mut desk, &mut all, seed, n).await);
        }
        for _ in 0..STEPS {
            step(&mut desk, &mut all, &accounts, &mut dice, seed).await;
        }
        check(&house, &mut desk, &all, &accounts, seed).await;
        // From the end, all of it can be taken back.
        while let Some(last) = all.merges.len().checked_sub(1) {
            let id = all.merges[last].id.clone();
            assert!(all.undo(last));
            desk.undo(&id).await.unwrap();
        }
        check(&house, &mut desk, &all, &accounts, seed).await;
        for id in &accounts {
            assert_eq!(desk.account(id).await.redirected_from, None, "seed {seed}");
        }
    }
}

#[tokio::test]
async fn twenty_random_trees_of_merges_that_are_undone_leave_everything_as_it_was() {
    let house = house().await;
    for seed in 1..=HISTORIES {
        println!("seed {seed}");
        let mut desk = desk(&house);
        let mut dice = Dice(seed);
        let mut model = Model::default();
        let mut accounts = Vec::new();
        for n in 0..ACCOUNTS {
            accounts.push(furnish(&house, &mut desk, &mut model, seed + 100, n).await);
        }
        let before = picture(&house).await;
        while model.merges.len() < 3 {
            let standing = model.standing(&accounts);
            let (source, target) = (dice.pick(&standing).unwrap(), dice.pick(&standing).unwrap());
            if source != target {
                model.merge(desk.merge(target, source).await.unwrap().id, source, target);
            }
        }
        assert_ne!(picture(&house).await, before);
        while let Some(merge) = model.merges.pop() {
            desk.undo(&merge.id).await.unwrap();
        }
        assert_eq!(picture(&house).await, before, "seed {seed}");
    }
}
