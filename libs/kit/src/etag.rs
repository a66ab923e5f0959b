//! Etags are row versions.

use types::Violation;

/// The etag of a row version.
pub fn etag(version: i64) -> String {
    format!("{version}")
}

/// Whether the caller's idea of the current etag holds; without one it does.
///
/// # Errors
/// `stale` when the caller has seen another version; a violation when it is no etag of ours.
pub fn expect_etag<E: From<Violation>>(
    if_match: Option<&str>,
    version: i64,
    stale: impl FnOnce() -> E,
) -> Result<(), E> {
    match if_match {
        None | Some("*") => Ok(()),
        Some(seen) if seen == etag(version) => Ok(()),
        Some(_) => Err(stale()),
    }
}
