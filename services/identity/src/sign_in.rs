//! Signing in: how often somebody may fail before he must wait.

pub(crate) mod rpc;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Tries are counted over this time. Nobody is locked out for longer, whoever tries.
const WINDOW: TimeDelta = TimeDelta::seconds(60);
/// Addresses that are remembered at once; each takes some hundred bytes.
const KEYS_MAX: usize = 50_000;

/// How many tries may fail within a minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) per_email_max: usize,
    pub(crate) per_ip_max: usize,
}

/// The tries of the last minute, by e-mail address and by client address.
#[derive(Debug)]
pub(crate) struct Throttle {
    limits: Limits,
    tries: HashMap<Key, VecDeque<DateTime<Utc>>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Email(String),
    Ip(String),
}

impl Throttle {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, tries: HashMap::new() }
    }

    /// Counts a try before its password is looked at, so that many at once count too. One that is refused does not.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn admit(&mut self, email: &str, ip: &str, now: DateTime<Utc>) -> Result<(), Duration> {
        if self.tries.len() >= KEYS_MAX {
            self.tries.retain(|_, tries| tries.back().is_some_and(|last| now - *last < WINDOW));
        }
        if self.tries.len() >= KEYS_MAX {
            self.tries.clear();
        }
        let keys = keys(email, ip);
        for (key, max) in keys.iter().zip([self.limits.per_email_max, self.limits.per_ip_max]) {
            let Some(tries) = self.tries.get_mut(key) else { continue };
            while tries.front().is_some_and(|first| now - *first >= WINDOW) {
                tries.pop_front();
            }
            if tries.len() >= max {
                let first = tries.front().copied().unwrap_or(now);
                let wait = (first + WINDOW - now).to_std().unwrap_or_default();
                return Err(Duration::from_secs(wait.as_secs().max(1)));
            }
        }
        for key in keys {
            self.tries.entry(key).or_default().push_back(now);
        }
        Ok(())
    }

    /// The try was right: the address's failures are forgotten, and the client's try is given back.
    pub(crate) fn forgive(&mut self, email: &str, ip: &str) {
        let [email, ip] = keys(email, ip);
        self.tries.remove(&email);
        if let Some(tries) = self.tries.get_mut(&ip) {
            tries.pop_back();
        }
    }
}

fn keys(email: &str, ip: &str) -> [Key; 2] {
    [Key::Email(email.to_ascii_lowercase()), Key::Ip(ip.to_owned())]
}

/// An e-mail address as the audit may show it: somebody may have typed his password there.
pub(crate) fn masked(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((name, domain)) => format!("{}***@{domain}", name.chars().take(1).collect::<String>()),
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn throttle() -> Throttle {
        Throttle::new(Limits { per_email_max: 5, per_ip_max: 20 })
    }

    #[test]
    fn the_sixth_try_within_a_minute_waits() {
        let mut throttle = throttle();
        for second in 0..5 {
            assert_eq!(throttle.admit("a@b.test", "::1", at(second)), Ok(()));
        }
        assert_eq!(throttle.admit("A@B.test", "::2", at(10)), Err(Duration::from_secs(50)));
        assert_eq!(throttle.admit("other@b.test", "::1", at(10)), Ok(()));
        assert_eq!(throttle.admit("a@b.test", "::1", at(60)), Ok(()), "a minute after the first try");
        assert_eq!(throttle.admit("a@b.test", "::1", at(60)), Err(Duration::from_secs(1)));
    }

    #[test]
    fn e3_a_refused_try_does_not_prolong_the_wait() {
        let mut throttle = throttle();
        for _ in 0..5 {
            assert_eq!(throttle.admit("a@b.test", "::1", at(0)), Ok(()));
        }
        for second in 1..60 {
            assert!(throttle.admit("a@b.test", "::1", at(second)).is_err());
        }
        assert_eq!(throttle.admit("a@b.test", "::1", at(60)), Ok(()));
    }

    #[test]
    fn one_client_address_has_twenty_tries_for_all_names() {
        let mut throttle = throttle();
        for n in 0..20 {
            assert_eq!(throttle.admit(&format!("{n}@b.test"), "::1", at(0)), Ok(()));
        }
        assert!(throttle.admit("21@b.test", "::1", at(1)).is_err());
        assert_eq!(throttle.admit("21@b.test", "::2", at(1)), Ok(()));
    }

    #[test]
    fn e3_a_right_password_makes_the_failures_forgotten() {
        let mut throttle = throttle();
        for _ in 0..30 {
            for _ in 0..4 {
                throttle.admit("a@b.test", "::1", at(0)).ok();
            }
            throttle.admit("a@b.test", "::2", at(0)).ok();
            throttle.forgive("a@b.test", "::2");
        }
        assert_eq!(throttle.admit("a@b.test", "::2", at(0)), Ok(()));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut throttle = throttle();
        for n in 0..60_000 {
            throttle.admit(&format!("{n}@b.test"), &n.to_string(), at(0)).ok();
            assert!(throttle.tries.len() <= KEYS_MAX + 2);
        }
    }

    #[test]
    fn the_audit_shows_no_whole_address() {
        for (email, shown) in [("owner@demo.test", "o***@demo.test"), ("hunter2hunter2", "***"), ("@x", "***@x")] {
            assert_eq!(masked(email), shown);
        }
    }
}
