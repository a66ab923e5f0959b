//! Signing in: how often somebody may fail before he must wait.

pub(crate) mod examine;
pub(crate) mod guard;
pub(crate) mod rpc;
pub(crate) mod store;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Every so many failures in a row, one waits longer by this,
const WAIT_STEP: TimeDelta = TimeDelta::seconds(30);
/// but never longer than this: whoever fails on purpose locks nobody out for good.
const WAIT_MAX: TimeDelta = TimeDelta::minutes(15);
/// After this time without a failure, all are forgotten.
pub(crate) const QUIET: TimeDelta = TimeDelta::hours(12);
/// Tries of one client address are counted over this time.
const WINDOW: TimeDelta = TimeDelta::seconds(60);
/// Client addresses that are remembered at once; each takes some hundred bytes.
const ADDRESSES_MAX: usize = 50_000;

/// How many tries may fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In a row for one name, before each longer wait.
    pub(crate) per_name: i32,
    /// Within a minute from one client address.
    pub(crate) per_ip_max: usize,
}

/// Failed sign-ins in a row, for one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failures {
    pub(crate) count: i32,
    pub(crate) last_at: DateTime<Utc>,
    pub(crate) waits_until: DateTime<Utc>,
}

impl Failures {
    /// One more try. It counts as failed until it is known better, so that many at once count too. None while one must
    /// wait: such a try does not count.
    pub(crate) fn tried(self, per_name: i32, now: DateTime<Utc>) -> Option<Self> {
        if now < self.waits_until {
            return None;
        }
        let count = if now - self.last_at >= QUIET { 1 } else { self.count.saturating_add(1) };
        Some(Self { count, last_at: now, waits_until: now + wait(count, per_name) })
    }
}

/// How long one waits after so many failures.
fn wait(failures: i32, per_name: i32) -> TimeDelta {
    WAIT_MAX.min(WAIT_STEP * (failures / per_name.max(1)).min(1_000))
}

/// The tries of the last minute, by client address.
#[derive(Debug)]
pub(crate) struct Window {
    per_ip_max: usize,
    tries: HashMap<String, VecDeque<DateTime<Utc>>>,
}

impl Window {
    pub(crate) fn new(per_ip_max: usize) -> Self {
        Self { per_ip_max, tries: HashMap::new() }
    }

    /// Counts a try before its password is looked at. One that is refused does not count.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn admit(&mut self, ip: &str, now: DateTime<Utc>) -> Result<(), Duration> {
        if self.tries.len() >= ADDRESSES_MAX {
            self.tries.retain(|_, tries| tries.back().is_some_and(|last| now - *last < WINDOW));
        }
        if self.tries.len() >= ADDRESSES_MAX {
            self.tries.clear();
        }
        let tries = self.tries.entry(ip.to_owned()).or_default();
        while tries.front().is_some_and(|first| now - *first >= WINDOW) {
            tries.pop_front();
        }
        if tries.len() >= self.per_ip_max {
            let first = tries.front().copied().unwrap_or(now);
            let wait = (first + WINDOW - now).to_std().unwrap_or_default();
            return Err(Duration::from_secs(wait.as_secs().max(1)));
        }
        tries.push_back(now);
        Ok(())
    }

    /// The try was right: it is given back.
    pub(crate) fn forgive(&mut self, ip: &str) {
        if let Some(tries) = self.tries.get_mut(ip) {
            tries.pop_back();
        }
    }
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

    #[test]
    fn e1_every_fifth_failure_waits_thirty_seconds_longer_and_never_for_good() {
        for (failures, seconds) in [(4, 0), (5, 30), (9, 30), (10, 60), (149, 870), (150, 900), (1_000_000, 900)] {
            assert_eq!(wait(failures, 5), TimeDelta::seconds(seconds), "{failures}");
        }
    }

    #[test]
    fn e3_a_try_while_waiting_does_not_count() {
        let mut failures = Failures { count: 0, last_at: at(0), waits_until: at(0) };
        for _ in 0..5 {
            failures = failures.tried(5, at(0)).unwrap();
        }
        for second in 0..30 {
            assert_eq!(failures.tried(5, at(second)), None, "{second}");
        }
        let sixth = failures.tried(5, at(30)).unwrap();
        assert_eq!((sixth.count, sixth.waits_until), (6, at(60)));
    }

    #[test]
    fn failures_are_forgotten_after_twelve_quiet_hours() {
        let failures = Failures { count: 9, last_at: at(0), waits_until: at(30) };
        for (hours, count) in [(11, 10), (12, 1)] {
            assert_eq!(failures.tried(5, at(hours * 3600)).unwrap().count, count, "{hours}");
        }
    }

    #[test]
    fn one_client_address_has_twenty_tries_a_minute_for_all_names() {
        let mut window = Window::new(20);
        for _ in 0..20 {
            assert_eq!(window.admit("::1", at(0)), Ok(()));
        }
        assert_eq!(window.admit("::1", at(20)), Err(Duration::from_secs(40)));
        assert_eq!(window.admit("::2", at(20)), Ok(()));
        window.forgive("::1");
        assert_eq!(window.admit("::1", at(20)), Ok(()));
        assert_eq!(window.admit("::1", at(60)), Ok(()));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut window = Window::new(20);
        for n in 0..60_000 {
            window.admit(&n.to_string(), at(0)).ok();
            assert!(window.tries.len() <= ADDRESSES_MAX + 1);
        }
    }

    #[test]
    fn the_audit_shows_no_whole_address() {
        for (email, shown) in [("owner@demo.test", "o***@demo.test"), ("hunter2hunter2", "***"), ("@x", "***@x")] {
            assert_eq!(masked(email), shown);
        }
    }
}
