//! The keys that sign access tokens: next → current → retiring → gone.

pub(crate) mod begin;
pub(crate) mod rotate;
pub(crate) mod store;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use kit::Fault;

types::ids! {
    /// A signing key's id.
    SigningKeyId
}

/// Others keep the published keys for five minutes, and old ones for an hour when identity is away.
pub(crate) const LEAD: TimeDelta = TimeDelta::hours(1);
/// The suite's own processes ask twice a second.
pub(crate) const LEAD_OF_OWN: TimeDelta = TimeDelta::seconds(5);
/// How long a key signs before the next one is made.
pub(crate) const SIGNS: TimeDelta = TimeDelta::days(90);
/// The life of the last token, the leeway of clocks, a little more.
pub(crate) const RETIRES: TimeDelta = TimeDelta::minutes(11);

/// A signing key as stored.
#[derive(Clone, Debug)]
pub(crate) struct SigningKey {
    pub(crate) id: SigningKeyId,
    /// The key's fingerprint.
    pub(crate) kid: String,
    /// The public half in base64url.
    pub(crate) public_key: String,
    /// The private half, while it signs or will.
    pub(crate) sealed: Option<String>,
    pub(crate) state: State,
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum State {
    /// Published, so that all know it before it signs.
    Next,
    Current,
    /// It signs no more; its tokens still hold.
    Retiring,
    Gone,
}

/// A key pair in PKCS#8, and what is published of it.
pub(crate) struct Pair {
    pub(crate) pkcs8: Vec<u8>,
    pub(crate) kid: String,
    pub(crate) public_key: String,
}

impl Pair {
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn generate() -> Result<Self, Fault> {
        let pair = Ed25519KeyPair::generate().map_err(Fault::new)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(Fault::new)?;
        Self::read(pkcs8.as_ref()).map_err(Fault::new)
    }

    /// # Errors
    /// A sentence for the operator when it is no such key.
    pub(crate) fn read(pkcs8: &[u8]) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8)
            .map_err(|error| format!("no Ed25519 key in PKCS#8: {error}"))?;
        let public = pair.public_key().as_ref();
        let kid = hex::encode(&digest::digest(&digest::SHA256, public).as_ref()[..8]);
        Ok(Self { pkcs8: pkcs8.to_vec(), kid, public_key: URL_SAFE_NO_PAD.encode(public) })
    }
}
