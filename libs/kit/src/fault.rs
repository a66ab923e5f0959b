//! What is nobody's business outside: the database, the broker, bugs.

use std::fmt;
use std::panic::Location;

/// A failure that the caller can do nothing about. It knows where it arose; its text never leaves the process.
pub struct Fault {
    what: String,
    at: &'static Location<'static>,
}

impl Fault {
    #[track_caller]
    pub fn new(what: impl fmt::Display) -> Self {
        Self { what: what.to_string(), at: Location::caller() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at {})", self.what, self.at)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Fault {}

impl From<db::Error> for Fault {
    #[track_caller]
    fn from(error: db::Error) -> Self {
        Self::new(error)
    }
}
