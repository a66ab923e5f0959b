//! The operator's keys: `FIELD_KEY`, outside of the database. They only ever wrap data keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kit::Fault;
use kit::config::Secret;

use crate::envelope::{Key, Sealed};

/// The first wraps; all of them unwrap, so that a key can be replaced.
pub(crate) struct Operator(Vec<Key>);

impl Operator {
    /// Reads `id=base64,id=base64`.
    pub(crate) fn read(setting: &Secret<String>) -> Result<Self, String> {
        let wrong = || "FIELD_KEY must be id=<32 bytes in base64>, several separated by commas".to_owned();
        let read = |part: &str| {
            let (id, key) = part.trim().split_once('=')?;
            let named = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            Key::new(id, &STANDARD.decode(key).ok()?).ok().filter(|_| named)
        };
        let keys: Option<Vec<Key>> = setting.reveal().split(',').map(read).collect();
        keys.filter(|keys| !keys.is_empty()).map(Self).ok_or_else(wrong)
    }

    pub(crate) fn wrap(&self, about: &str, key: &[u8]) -> Result<String, Fault> {
        self.current()?.seal(about, key)
    }

    pub(crate) fn unwrap(&self, about: &str, wrapped: &str) -> Result<Vec<u8>, Fault> {
        let sealed = Sealed::parse(wrapped)?;
        let key = self.0.iter().find(|key| key.id == sealed.key);
        key.ok_or_else(|| Fault::new(format!("FIELD_KEY lacks the key {}", sealed.key)))?.open(about, &sealed)
    }

    /// Whether the first key wrapped it.
    pub(crate) fn is_current(&self, wrapped: &str) -> bool {
        let current = self.current().map(|key| key.id.as_str()).unwrap_or_default();
        Sealed::parse(wrapped).is_ok_and(|sealed| sealed.key == current)
    }

    fn current(&self) -> Result<&Key, Fault> {
        self.0.first().ok_or_else(|| Fault::new("FIELD_KEY is empty"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(setting: &str) -> Result<Operator, String> {
        Operator::read(&Secret::new(setting.to_owned()))
    }

    #[test]
    fn the_first_key_wraps_and_all_unwrap() {
        let [a, b] = [1, 2].map(|byte| STANDARD.encode([byte; 32]));
        let old = read(&format!("a={a}")).unwrap();
        let both = read(&format!("b={b}, a={a}")).unwrap();
        let wrapped = old.wrap("x", b"key").unwrap();
        assert_eq!(both.unwrap("x", &wrapped).unwrap(), b"key");
        assert!(!both.is_current(&wrapped) && both.is_current(&both.wrap("x", b"key").unwrap()));
        assert!(read(&format!("b={b}")).unwrap().unwrap("x", &wrapped).is_err());
    }

    #[test]
    fn a_malformed_setting_is_refused_without_being_shown() {
        let short = STANDARD.encode([1; 31]);
        for setting in ["", "lunarfront-demo", &format!("a={short}"), "=AAAA", "a|b=AAAA"] {
            let refused = read(setting).err().unwrap();
            assert!(refused.starts_with("FIELD_KEY must be") && !refused.contains(&short), "{setting}");
        }
    }
}
