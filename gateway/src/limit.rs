//! How often somebody may ask.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use uuid::Uuid;

use crate::config::Config;
use crate::problem::Problem;

/// The limits of one process; two gateways together allow twice as much.
pub(crate) struct Limits {
    user: DefaultKeyedRateLimiter<Uuid>,
    ip: DefaultKeyedRateLimiter<IpAddr>,
    sign_in: DefaultKeyedRateLimiter<IpAddr>,
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let per_second = |rate, burst| Quota::per_second(at_least_one(rate)).allow_burst(at_least_one(burst));
        Self {
            user: RateLimiter::keyed(per_second(config.rate_user_per_second, config.rate_user_burst)),
            ip: RateLimiter::keyed(per_second(config.rate_ip_per_second, config.rate_ip_burst)),
            sign_in: RateLimiter::keyed(Quota::per_minute(at_least_one(config.rate_sign_in_per_minute))),
        }
    }

    /// # Errors
    /// 429, and when to come again.
    pub(crate) fn user(&self, user: Uuid) -> Result<(), Problem> {
        check(&self.user, &user, "too many requests for one user")
    }

    /// # Errors
    /// 429, and when to come again.
    pub(crate) fn ip(&self, ip: IpAddr) -> Result<(), Problem> {
        check(&self.ip, &network(ip), "too many requests from one address")
    }

    /// # Errors
    /// 429, and when to come again.
    pub(crate) fn sign_in(&self, ip: IpAddr) -> Result<(), Problem> {
        check(&self.sign_in, &network(ip), "too many attempts to sign in from one address")
    }

    /// Forgets those who have not asked for a while.
    pub(crate) fn forget(&self) {
        self.user.retain_recent();
        self.ip.retain_recent();
        self.sign_in.retain_recent();
    }
}

fn check<K: Hash + Eq + Clone>(
    limit: &DefaultKeyedRateLimiter<K>,
    key: &K,
    detail: &'static str,
) -> Result<(), Problem> {
    limit.check_key(key).map(|_| ()).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        Problem::too_many(detail, wait.as_secs() + 1)
    })
}

/// A household has a whole /64 of IPv6.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() & !u128::from(u64::MAX)).into()),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(check: impl Fn() -> Result<(), Problem>) -> (usize, Problem) {
        (0..1_000).find_map(|count| check().err().map(|problem| (count, problem))).expect("a limit ends somewhere")
    }

    #[test]
    fn the_default_bursts_are_allowed_and_no_more() {
        let limits = Limits::new(&Config::default());
        let ip: IpAddr = "203.0.113.7".parse().unwrap();
        let (users, problem) = allowed(|| limits.user(Uuid::nil()));
        assert!((40..=45).contains(&users), "{users}");
        assert_eq!(problem.status, 429);
        assert_eq!(problem.retry_after_seconds, Some(1));
        let (ips, _) = allowed(|| limits.ip(ip));
        assert!((200..=220).contains(&ips), "{ips}");
        let (sign_ins, problem) = allowed(|| limits.sign_in(ip));
        assert!((20..=21).contains(&sign_ins), "{sign_ins}");
        assert!(problem.retry_after_seconds.is_some_and(|seconds| (1..=4).contains(&seconds)));
        assert!(limits.sign_in("203.0.113.8".parse().unwrap()).is_ok(), "others are not limited by it");
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let one = network("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(one, network("2001:db8:1:2::1".parse().unwrap()));
        assert_ne!(one, network("2001:db8:1:3::1".parse().unwrap()));
        assert_eq!(network("::ffff:203.0.113.7".parse().unwrap()), "203.0.113.7".parse::<IpAddr>().unwrap());
    }
}
