//! Counts, times and ratios, in whole numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::failure::{Failure, Result, While};

/// A number with three decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Milli(pub(crate) u64);

/// What came of many requests.
pub(crate) struct Figures {
    /// Microseconds until a good answer.
    times: Histogram<u64>,
    /// How often each status was answered; 0 stands for no answer.
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) took: Duration,
}

impl Milli {
    /// `count` per second.
    pub(crate) fn rate(count: u64, took: Duration) -> Self {
        let micros = took.as_micros().max(1);
        Self(u64::try_from(u128::from(count) * 1_000_000_000 / micros).unwrap_or(u64::MAX))
    }

    /// `part / whole`; nothing compares with nothing.
    pub(crate) fn ratio(part: u64, whole: u64) -> Option<Self> {
        (whole > 0).then(|| Self(u64::try_from(u128::from(part) * 1000 / u128::from(whole)).unwrap_or(u64::MAX)))
    }

    /// Reads `754.123456`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{part:0<3.3}");
        digits.parse().map(Self).map_err(|_| Failure::new(format!("{text} is not a number")))
    }

    /// The middle one; of two the lower.
    pub(crate) fn median(mut values: Vec<Self>) -> Option<Self> {
        values.sort_unstable();
        values.get(values.len().checked_sub(1)? / 2).copied()
    }
}

impl fmt::Display for Milli {
    /// As many decimals as `{:.n}` asks for, else one; cut, not rounded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1000, self.0 % 1000);
        match f.precision().unwrap_or(1) {
            0 => write!(f, "{whole}"),
            1 => write!(f, "{whole}.{}", part / 100),
            2 => write!(f, "{whole}.{:02}", part / 10),
            _ => write!(f, "{whole}.{part:03}"),
        }
    }
}

impl Figures {
    pub(crate) fn new() -> Result<Self> {
        let times = Histogram::new_with_bounds(1, 300_000_000, 3).when("making a histogram")?;
        Ok(Self { times, statuses: BTreeMap::new(), took: Duration::ZERO })
    }

    /// A good answer.
    pub(crate) fn good(&mut self, status: u16, time: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        self.times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// An answer that is not what was asked for, or none (0).
    pub(crate) fn bad(&mut self, status: u16) {
        *self.statuses.entry(status).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) -> Result<()> {
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.took = self.took.max(other.took);
        self.times.add(&other.times).when("adding histograms")
    }

    pub(crate) fn count(&self) -> u64 {
        self.times.len()
    }

    pub(crate) fn failed(&self) -> u64 {
        self.statuses.values().sum::<u64>() - self.count()
    }

    pub(crate) fn per_second(&self) -> Milli {
        Milli::rate(self.count(), self.took)
    }

    /// Milliseconds that half of the requests took at most.
    pub(crate) fn p50(&self) -> Milli {
        Milli(self.times.value_at_quantile(0.5))
    }

    pub(crate) fn p99(&self) -> Milli {
        Milli(self.times.value_at_quantile(0.99))
    }

    pub(crate) fn longest(&self) -> Milli {
        Milli(self.times.max())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99, longest) = (self.p50(), self.p99(), self.longest());
        write!(f, "{} done, {}/s, p50 {p50} ms, p99 {p99} ms, max {longest} ms", self.count(), self.per_second())?;
        if self.failed() > 0 {
            write!(f, ", {} failed ({})", self.failed(), told(&self.statuses))?;
        }
        Ok(())
    }
}

/// `201×40 503×2`; no answer at all is a dash.
pub(crate) fn told(statuses: &BTreeMap<u16, u64>) -> String {
    let name = |status: &u16| if *status == 0 { "-".to_owned() } else { status.to_string() };
    statuses.iter().map(|(status, count)| format!("{}×{count}", name(status))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_ratios_keep_their_decimals() {
        assert_eq!(Milli::rate(754, Duration::from_secs(2)).to_string(), "377.0");
        assert_eq!(format!("{:.2}", Milli::ratio(500, 3000).unwrap()), "0.16");
        assert_eq!(Milli::ratio(1, 0), None);
        for (text, milli) in [("754.123456", 754_123), ("3.5", 3_500), ("12", 12_000)] {
            assert_eq!(Milli::parse(text).unwrap(), Milli(milli), "{text}");
        }
        assert!(Milli::parse("fast").is_err());
    }

    #[test]
    fn a_median_of_two_is_the_lower() {
        assert_eq!(Milli::median(vec![Milli(3), Milli(1), Milli(2)]), Some(Milli(2)));
        assert_eq!(Milli::median(vec![Milli(9), Milli(4)]), Some(Milli(4)));
        assert_eq!(Milli::median(Vec::new()), None);
    }

    #[test]
    fn half_of_the_requests_took_no_longer_than_the_p50() {
        let mut figures = Figures::new().unwrap();
        (1..=100).for_each(|millis| figures.good(201, Duration::from_millis(millis)));
        figures.bad(503);
        figures.took = Duration::from_secs(10);
        assert_eq!((figures.count(), figures.failed(), figures.per_second()), (100, 1, Milli(10_000)));
        assert!((49_900..=50_100).contains(&figures.p50().0), "{}", figures.p50());
        assert_eq!(told(&figures.statuses), "201×100 503×1");
    }
}
