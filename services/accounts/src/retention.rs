//! Retention: what is kept only so long.

pub(crate) mod job;
pub(crate) mod store;

use chrono::{DateTime, Days, Utc};
use types::Date;

/// Days for which each class of data is kept; 0 keeps it for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    /// Identity documents after the last day on which they held.
    pub(crate) documents_days: u32,
    /// Imports that were never published, after they last changed.
    pub(crate) imports_days: u32,
    /// Sensitive notes after they were written.
    pub(crate) sensitive_notes_days: u32,
}

/// The first day of which something is still kept; none when all is.
pub(crate) fn kept_from(today: Date, days: u32) -> Option<Date> {
    (days > 0).then(|| today.checked_sub_days(Days::new(u64::from(days)))).flatten()
}

/// The same for instants.
pub(crate) fn kept_since(now: DateTime<Utc>, days: u32) -> Option<DateTime<Utc>> {
    (days > 0).then(|| now.checked_sub_days(Days::new(u64::from(days)))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::parse_date;

    #[test]
    fn nothing_is_past_its_time_where_it_is_kept_for_ever() {
        let today = parse_date("on", "2026-03-01").unwrap();
        assert_eq!(kept_from(today, 0), None);
        assert_eq!(kept_from(today, 30).unwrap().to_string(), "2026-01-30");
        assert_eq!(kept_since(DateTime::<Utc>::UNIX_EPOCH, 0), None);
    }
}
