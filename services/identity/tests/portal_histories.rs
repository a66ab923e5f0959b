//! What accounts tells of merges, moves and archiving arrives in any order, again, and late; portal users end on the account
//! where their member is, and keep or lose what they should.

use std::collections::BTreeMap;

use db::Subject;
use identity::Identity;
use proto::accounts::v1 as accounts;
use proto::accounts::v1::account::State as AccountState;
use proto::accounts::v1::member::State as MemberState;
use proto::accounts::v1::responsible_adult::{Power, State as AdultState};
use proto::identity::v1 as pb;
use proto::identity::v1::user::State;
use testing::House;
use types::uuid::Uuid;

use crate::portal::{get, invite};
use crate::staff::{PASSWORD, accept, open, token_of_letter, try_sign_in};

const HISTORIES: u64 = 30;
const STEPS: u64 = 10;
const ACCOUNTS: usize = 3;

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// One piece of news; every one carries the whole as it then was.
#[derive(Clone)]
enum News {
    Member(Uuid, accounts::MemberChanged),
    Account(Uuid, accounts::AccountChanged),
    Adult(Uuid, accounts::ResponsibleAdultChanged),
}

impl News {
    async fn tell(&self, house: &House<Identity>) {
        let about = |id: &Uuid, version: i64| Subject { id: *id, version };
        match self {
            Self::Member(id, event) => house.hears_about(about(id, event.version), event).await,
            Self::Account(id, event) => house.hears_about(about(id, event.version), event).await,
            Self::Adult(id, event) => house.hears_about(about(id, event.version), event).await,
        }
        .unwrap();
    }
}

#[derive(Clone)]
struct Person {
    id: Uuid,
    name: &'static str,
    account: usize,
    is_minor: bool,
    state: MemberState,
    version: i64,
}

/// The shop as accounts knows it, and all that it told.
struct Shop {
    accounts: Vec<(Uuid, AccountState, i64)>,
    people: Vec<Person>,
    /// Anna answers for Ben.
    adult: (Uuid, AdultState, i64),
    /// Source, target, and who went over.
    merges: Vec<(usize, usize, Vec<usize>)>,
    told: Vec<News>,
}

impl Shop {
    fn open() -> Self {
        let person = |name, account, is_minor| Person {
            id: Uuid::now_v7(),
            name,
            account,
            is_minor,
            state: MemberState::Active,
            version: 0,
        };
        let mut shop = Self {
            accounts: (0..ACCOUNTS).map(|_| (Uuid::now_v7(), AccountState::Active, 0)).collect(),
            people: vec![person("Anna", 0, false), person("Ben", 0, true), person("Cleo", 1, false)],
            adult: (Uuid::now_v7(), AdultState::Active, 0),
            merges: Vec::new(),
            told: Vec::new(),
        };
        (0..ACCOUNTS).for_each(|account| shop.tell_account(account));
        (0..shop.people.len()).for_each(|person| shop.tell_member(person));
        shop.tell_adult();
        shop
    }

    fn standing(&self) -> Vec<usize> {
        (0..ACCOUNTS).filter(|account| self.accounts[*account].1 == AccountState::Active).collect()
    }

    /// Something happens that accounts allows; nothing when it does not.
    fn step(&mut self, dice: &mut Dice) {
        let standing = self.standing();
        match dice.below(8) {
            0 | 1 if standing.len() > 1 => {
                let source = standing[dice.below(standing.len())];
                let rest: Vec<usize> = standing.into_iter().filter(|account| *account != source).collect();
                self.merge(source, rest[dice.below(rest.len())]);
            }
            2 | 3 => self.unmerge(),
            4 if !standing.is_empty() => {
                let (person, account) = (dice.below(self.people.len()), standing[dice.below(standing.len())]);
                self.go(person, account);
            }
            5 if !standing.is_empty() => {
                let account = standing[dice.below(standing.len())];
                self.accounts[account].1 = AccountState::Archived;
                self.tell_account(account);
            }
            6 => self.tell_member(dice.below(self.people.len())),
            _ => match dice.below(6) {
                0 => {
                    self.adult.1 = AdultState::Ended;
                    self.tell_adult();
                }
                1 => {
                    let person = dice.below(self.people.len());
                    self.people[person].state = MemberState::Archived;
                    self.tell_member(person);
                }
                _ => {}
            },
        }
    }

    fn merge(&mut self, source: usize, target: usize) {
        let went: Vec<usize> = (0..self.people.len()).filter(|one| self.people[*one].account == source).collect();
        self.accounts[source].1 = AccountState::Merged;
        self.tell_account(source);
        self.tell_account(target);
        for person in &went {
            self.people[*person].account = target;
            self.tell_member(*person);
        }
        self.merges.push((source, target, went));
    }

    fn unmerge(&mut self) {
        let Some((source, target, went)) =
            self.merges.pop_if(|(_, target, _)| self.accounts[*target].1 != AccountState::Merged)
        else {
            return;
        };
        self.accounts[source].1 = AccountState::Active;
        self.tell_account(source);
        self.tell_account(target);
        for person in went.into_iter().filter(|one| self.people[*one].account == target).collect::<Vec<_>>() {
            self.people[person].account = source;
            self.tell_member(person);
        }
    }

    fn go(&mut self, person: usize, account: usize) {
        self.people[person].account = account;
        self.tell_member(person);
    }

    fn tell_account(&mut self, account: usize) {
        let (id, state, version) = &mut self.accounts[account];
        *version += 1;
        let account = accounts::Account { id: id.to_string(), state: (*state).into(), ..Default::default() };
        let event = accounts::AccountChanged { account: Some(account), version: *version };
        self.told.push(News::Account(*id, event));
    }

    fn tell_member(&mut self, person: usize) {
        let person = &mut self.people[person];
        person.version += 1;
        let member = accounts::Member {
            id: person.id.to_string(),
            account_id: self.accounts[person.account].0.to_string(),
            first_name: person.name.to_owned(),
            last_name: format!("Moser {}", person.version),
            email: Some(format!("{}@home.test", person.id)),
            is_minor: person.is_minor,
            state: person.state.into(),
            ..Default::default()
        };
        let event = accounts::MemberChanged { member: Some(member), version: person.version };
        self.told.push(News::Member(person.id, event));
    }

    fn tell_adult(&mut self) {
        let (id, state, version) = &mut self.adult;
        *version += 1;
        let responsible_adult = accounts::ResponsibleAdult {
            id: id.to_string(),
            member_id: self.people[1].id.to_string(),
            adult_id: self.people[0].id.to_string(),
            powers: vec![Power::Portal.into()],
            state: (*state).into(),
            ..Default::default()
        };
        let event = accounts::ResponsibleAdultChanged { responsible_adult: Some(responsible_adult), version: *version };
        self.told.push(News::Adult(*id, event));
    }

    /// Where the portal user of a person must end, whether he may come in, and for whom he acts.
    fn ends(&self, person: usize) -> (String, bool, Vec<String>) {
        let of = &self.people[person];
        let (account, state, _) = self.accounts[of.account];
        let may = of.state == MemberState::Active && state != AccountState::Archived;
        let ben = &self.people[1];
        let has_ben = person == 0 && self.adult.1 == AdultState::Active && ben.state == MemberState::Active;
        let acts_for = std::iter::once(of).chain(has_ben.then_some(ben)).map(|one| one.id.to_string()).collect();
        (account.to_string(), may, acts_for)
    }
}

/// Any order, some of it twice, and what was told first once more at the end.
fn shuffled(mut news: Vec<News>, early: &[News], dice: &mut Dice) -> Vec<News> {
    for place in (1..news.len()).rev() {
        news.swap(place, dice.below(place + 1));
    }
    let again: Vec<News> = news.iter().filter(|_| dice.below(3) == 0).cloned().collect();
    for one in again {
        news.insert(dice.below(news.len() + 1), one);
    }
    news.extend_from_slice(early);
    news
}

#[tokio::test]
async fn whatever_order_the_news_come_in_everybody_ends_where_he_is() {
    let house = open().await;
    let mut ends: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for seed in 0..HISTORIES {
        let mut dice = Dice(seed);
        let mut shop = Shop::open();
        let early = std::mem::take(&mut shop.told);
        for news in &early {
            news.tell(&house).await;
        }
        let mut users: Vec<(usize, pb::PortalUser)> = Vec::new();
        for person in [0, 2] {
            let user = invite(&house, shop.people[person].id, None).await.unwrap();
            // Every other one has chosen a password.
            if (seed + person as u64).is_multiple_of(4) {
                accept(&house, &token_of_letter(&house, &user.email).await, PASSWORD).await.unwrap();
            }
            users.push((person, user));
        }
        for _ in 0..STEPS {
            shop.step(&mut dice);
        }
        for news in shuffled(std::mem::take(&mut shop.told), &early, &mut dice) {
            news.tell(&house).await;
        }
        for (person, user) in users {
            let now = get(&house, &user.id).await;
            let (account, may, acts_for) = shop.ends(person);
            let before = if (seed + person as u64).is_multiple_of(4) { State::Active } else { State::Invited };
            let state = if may { before } else { State::Disabled };
            let name = shop.people[person].name;
            assert_eq!((&now.account_id, now.state()), (&account, state), "{name} of history {seed}");
            assert_eq!(now.acts_for, acts_for, "{name} of history {seed}");
            assert_eq!(now.last_name, format!("Moser {}", shop.people[person].version), "{name} of history {seed}");
            if before == State::Active {
                assert_eq!(try_sign_in(&house, &user.email, PASSWORD).await.is_ok(), may, "{name} of history {seed}");
            }
            *ends.entry((name, may)).or_default() += 1;
        }
    }
    assert!(ends.len() == 4 && ends.values().all(|count| *count >= 3), "the histories show little: {ends:?}");
}
