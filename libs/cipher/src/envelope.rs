//! A key and what it seals: `v1|key id|nonce|ciphertext|tag`, the last three in base64url.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kit::Fault;
use uuid::Uuid;

const TAG_BYTES: usize = 16;

/// Where a sealed value stands. It opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub table: &'static str,
    pub column: &'static str,
    pub row: Uuid,
}

impl Place {
    pub fn new(table: &'static str, column: &'static str, row: Uuid) -> Self {
        Self { table, column, row }
    }
}

/// An AES-256 key with a name. Random nonces are safe for 2^32 values, so a key is to be changed long before.
pub(crate) struct Key {
    pub(crate) id: String,
    key: RandomizedNonceKey,
}

impl Key {
    pub(crate) fn new(id: impl Into<String>, bytes: &[u8]) -> Result<Self, Fault> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes).map_err(|_| Fault::new("a key must have 32 bytes"))?;
        Ok(Self { id: id.into(), key })
    }

    /// Seals a value; `place` is bound to it and must be given again to open it.
    pub(crate) fn seal(&self, place: &str, plain: &[u8]) -> Result<String, Fault> {
        let mut bytes = plain.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(self.bound(place)), &mut bytes)
            .map_err(|_| Fault::new("a value could not be sealed"))?;
        let (text, tag) = bytes.split_at(plain.len());
        let [nonce, text, tag] = [nonce.as_ref().as_slice(), text, tag].map(|part| URL_SAFE_NO_PAD.encode(part));
        Ok(format!("v1|{}|{nonce}|{text}|{tag}", self.id))
    }

    pub(crate) fn open(&self, place: &str, sealed: &Sealed) -> Result<Vec<u8>, Fault> {
        let shut = || Fault::new("a sealed value does not open at its place");
        let nonce = Nonce::try_assume_unique_for_key(&sealed.nonce).map_err(|_| shut())?;
        let mut bytes = sealed.bytes.clone();
        let plain = self.key.open_in_place(nonce, Aad::from(self.bound(place)), &mut bytes).map_err(|_| shut())?;
        Ok(plain.to_vec())
    }

    fn bound(&self, place: &str) -> Vec<u8> {
        format!("{place}|{}", self.id).into_bytes()
    }
}

/// A sealed value taken apart.
pub(crate) struct Sealed {
    pub(crate) key: String,
    nonce: Vec<u8>,
    /// The ciphertext and its tag.
    bytes: Vec<u8>,
}

impl Sealed {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        Self::parts(text).ok_or_else(|| Fault::new("this is no sealed value"))
    }

    fn parts(text: &str) -> Option<Self> {
        let mut parts = text.split('|');
        let (version, key) = (parts.next()?, parts.next()?);
        let mut next = || URL_SAFE_NO_PAD.decode(parts.next()?).ok();
        let (nonce, mut bytes, tag) = (next()?, next()?, next()?);
        let whole = version == "v1" && nonce.len() == NONCE_LEN && tag.len() == TAG_BYTES && parts.next().is_none();
        bytes.extend(tag);
        whole.then(|| Self { key: key.to_owned(), nonce, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, byte: u8) -> Key {
        Key::new(id, &[byte; 32]).unwrap()
    }

    #[test]
    fn a_value_opens_at_its_place_and_nowhere_else() {
        let key = key("k", 7);
        let sealed = key.seal("accounts|document|number|1", b"AB 123").unwrap();
        let parsed = Sealed::parse(&sealed).unwrap();
        assert_eq!(key.open("accounts|document|number|1", &parsed).unwrap(), b"AB 123");
        assert!(key.open("accounts|document|number|2", &parsed).is_err());
        assert!(key.open("accounts|document|note|1", &parsed).is_err());
        assert!(!sealed.contains("123"));
    }

    #[test]
    fn a_key_of_another_name_or_other_bytes_opens_nothing() {
        let sealed = Sealed::parse(&key("k", 7).seal("p", b"x").unwrap()).unwrap();
        assert!(key("k", 8).open("p", &sealed).is_err());
        assert!(key("l", 7).open("p", &sealed).is_err());
    }

    #[test]
    fn a_changed_character_is_noticed() {
        let key = key("k", 7);
        let sealed = key.seal("p", b"secret").unwrap();
        assert_ne!(sealed, key.seal("p", b"secret").unwrap(), "the same value never looks the same");
        for at in "v1|k|".len()..sealed.len() {
            let mut other = sealed.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            // The last bits of a group may not carry anything: then the text is malformed instead.
            assert!(Sealed::parse(&other).is_err() || key.open("p", &Sealed::parse(&other).unwrap()).is_err(), "{at}");
        }
        for text in ["", "v1", "v2|k|a|b|c", "v1|k||||", &format!("{sealed}|x")] {
            assert!(Sealed::parse(text).is_err(), "{text}");
        }
    }
}
