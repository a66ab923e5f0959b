//! Where a client is in the stream of each service, as one event id.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Longer ids were never made here.
const LENGTH_MAX: usize = 4096;

/// The cursor of each service, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursors(BTreeMap<String, String>);

impl Cursors {
    /// The cursors that an event id holds.
    pub fn parse(id: &str) -> Option<Self> {
        if id.len() > LENGTH_MAX {
            return None;
        }
        let json = URL_SAFE_NO_PAD.decode(id).ok()?;
        serde_json::from_slice(&json).ok().map(Self)
    }

    /// The cursor of a service; blank where nothing was seen.
    pub fn of(&self, service: &str) -> &str {
        self.0.get(service).map_or("", String::as_str)
    }

    pub fn set(&mut self, service: String, cursor: String) {
        self.0.insert(service, cursor);
    }
}

impl fmt::Display for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(&self.0).map_err(|_| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_brings_every_cursor_back() {
        let mut cursors = Cursors::default();
        cursors.set("pos".to_owned(), "7:42;=,\"".to_owned());
        cursors.set("ledger".to_owned(), "1".to_owned());
        let id = cursors.to_string();
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{id}");
        assert_eq!(Cursors::parse(&id), Some(cursors));
        for bad in ["", "%", "e30x", "bnVsbA", &"a".repeat(5000)] {
            assert_eq!(Cursors::parse(bad), None, "{bad}");
        }
    }
}
