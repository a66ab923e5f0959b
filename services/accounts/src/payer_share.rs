//! Payer shares: who pays for a member when it is not his own account alone (services.md §1.3, invariant A6).

pub(crate) mod rpc;
pub(crate) mod store;

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use types::{Violation, Violations};

use crate::account::AccountId;
use crate::member::MemberId;

types::ids! {
    /// What part of a member's charges an account pays.
    PayerShareId,
}

/// What part of a member's charges an account pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PayerShare {
    pub(crate) id: PayerShareId,
    pub(crate) member_id: MemberId,
    pub(crate) member_name: String,
    pub(crate) account_id: AccountId,
    pub(crate) account_number: i64,
    pub(crate) account_name: String,
    pub(crate) part: Part,
    pub(crate) created_at: DateTime<Utc>,
}

/// A part of a whole in hundredths of a percent, so that parts add up exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part(i32);

const WHOLE: i32 = 10_000;

impl Part {
    pub(crate) const fn from_basis_points(basis_points: i32) -> Self {
        Self(basis_points)
    }

    pub(crate) const fn basis_points(self) -> i32 {
        self.0
    }

    /// Reads a percentage such as `33.34`; the field rule has seen to its form.
    fn parse(field: &str, percent: &str) -> Result<Self, Violation> {
        let (whole, rest) = percent.split_once('.').unwrap_or((percent, ""));
        let basis_points = format!("{whole}{rest:0<2}").parse().ok();
        let part = basis_points.filter(|points| (1..=WHOLE).contains(points)).map(Self);
        part.ok_or_else(|| Violation::new(field, "must be more than 0 and at most 100"))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// The parts by account: each account once, and together the whole, or none.
pub(crate) fn shared<'a>(
    wanted: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<BTreeMap<AccountId, Part>, Violations> {
    let mut shares = BTreeMap::new();
    let mut wrong = Violations::default();
    for (n, (account_id, percent)) in wanted.into_iter().enumerate() {
        let (payer, part) = (format!("shares[{n}].account_id"), format!("shares[{n}].percent"));
        let id = wrong.take(AccountId::parse(&payer, account_id));
        let Some((id, part)) = id.zip(wrong.take(Part::parse(&part, percent))) else { continue };
        if shares.insert(id, part).is_some() {
            wrong.add(payer, "stands here twice");
        }
    }
    let sum: i32 = shares.values().map(|part| part.0).sum();
    if wrong.is_empty() && !shares.is_empty() && sum != WHOLE {
        wrong.add("shares", format!("must add up to 100 percent, and are {}", Part(sum)));
    }
    wrong.into_result().map(|()| shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(percents: &[&str]) -> Result<Vec<String>, Vec<String>> {
        let ids: Vec<String> = percents.iter().map(|_| AccountId::new().to_string()).collect();
        match shared(ids.iter().map(String::as_str).zip(percents.iter().copied())) {
            Ok(shares) => Ok(shares.values().map(Part::to_string).collect()),
            Err(wrong) => Err(wrong.iter().map(|violation| violation.field.clone()).collect()),
        }
    }

    /// services.md §1.3, A6.
    #[test]
    fn parts_are_the_whole_to_the_hundredth_of_a_percent_or_none() {
        assert_eq!(parts(&[]), Ok(vec![]));
        assert_eq!(parts(&["100"]).unwrap(), ["100.00"]);
        assert_eq!(parts(&["33.33", "33.33", "33.34"]).unwrap().len(), 3);
        assert_eq!(parts(&["60.5", "39.5"]).unwrap().len(), 2);
        assert_eq!(parts(&["33.33", "33.33", "33.33"]).unwrap_err(), ["shares"]);
        assert_eq!(parts(&["60", "50"]).unwrap_err(), ["shares"]);
        assert_eq!(parts(&["0", "100"]).unwrap_err(), ["shares[0].percent"]);
        assert_eq!(parts(&["999"]).unwrap_err(), ["shares[0].percent"]);
    }

    #[test]
    fn an_account_pays_one_part() {
        let id = AccountId::new().to_string();
        let wrong = shared([(id.as_str(), "50"), (id.as_str(), "50"), ("x", "0")]).unwrap_err();
        let fields: Vec<&str> = wrong.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["shares[1].account_id", "shares[2].account_id", "shares[2].percent"]);
    }
}
