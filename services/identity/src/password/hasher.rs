//! Hashing passwords with Argon2id, away from the threads that serve.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use kit::Fault;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Password;
use super::breached::Breached;
use crate::Error;

/// OWASP's minimum: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes at once: four take 76 MiB.
const PLACES: usize = 4;
/// How long a sign-in waits for a place.
const WAIT: Duration = Duration::from_secs(5);

/// Hashes and verifies; clones share the places.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    places: Arc<Semaphore>,
    /// What an unknown user's password is compared with, so that he takes as long as a known one.
    nobody: Arc<str>,
    breached: Option<Breached>,
}

/// What comes of comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    /// Right, but hashed with weaker parameters than today's.
    RightButWeak,
    Wrong,
}

impl Hasher {
    /// # Errors
    /// When Argon2 cannot work at all.
    pub(crate) async fn new(breached: Option<Breached>) -> Result<Self, Error> {
        let empty = Self { places: Arc::new(Semaphore::new(PLACES)), nobody: Arc::from(""), breached };
        let nobody = empty.blocking(|| hash("a password that nobody has")).await?;
        Ok(Self { nobody: Arc::from(nobody), ..empty })
    }

    /// The PHC string of a new password, with a salt of its own.
    ///
    /// # Errors
    /// That the password is known from a breach; [`Error::SignInBusy`] when no place comes free.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Error> {
        let breached = self.breached.clone();
        let hashed = self.blocking(move || match breached {
            Some(breached) if breached.contains(password.reveal())? => Ok(None),
            _ => hash(password.reveal()).map(Some),
        });
        hashed.await?.ok_or(Error::PasswordBreached)
    }

    /// The PHC string of a secret that somebody has already, or that follows rules of its own.
    ///
    /// # Errors
    /// [`Error::SignInBusy`] when no place comes free.
    pub(crate) async fn hash_known(&self, secret: Password) -> Result<String, Error> {
        self.blocking(move || hash(secret.reveal())).await
    }

    /// Compares a password with a hash, or with nobody's when there is none.
    ///
    /// # Errors
    /// As [`Self::hash`].
    pub(crate) async fn verify(&self, password: String, known: Option<String>) -> Result<Verdict, Error> {
        let (is_known, hash) = (known.is_some(), known.unwrap_or_else(|| self.nobody.to_string()));
        let verdict = self.blocking(move || verify(&password, &hash)).await?;
        Ok(if is_known { verdict } else { Verdict::Wrong })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.places).acquire_owned();
        let place: OwnedSemaphorePermit =
            tokio::time::timeout(WAIT, place).await.map_err(|_| Error::SignInBusy)?.map_err(Fault::new)?;
        let done = tokio::task::spawn_blocking(move || {
            // The place is held until the hash is done, even when nobody waits for it any more.
            let _place = place;
            work()
        });
        Ok(done.await.map_err(Fault::new)??)
    }
}

fn argon2() -> Result<Argon2<'static>, Fault> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Fault::new)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, Fault> {
    Ok(argon2()?.hash_password(password.as_bytes()).map_err(Fault::new)?.to_string())
}

fn verify(password: &str, hash: &str) -> Result<Verdict, Fault> {
    let hash = PasswordHash::new(hash).map_err(Fault::new)?;
    if argon2()?.verify_password(password.as_bytes(), &hash).is_err() {
        return Ok(Verdict::Wrong);
    }
    let params = Params::try_from(&hash).map_err(Fault::new)?;
    let weak = params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES;
    Ok(if weak { Verdict::RightButWeak } else { Verdict::Right })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_says_how_it_was_made() {
        assert!(hash("x").unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    #[test]
    fn passwords_are_compared_unmodified() {
        let known = hash("with trailing space ").unwrap();
        assert_eq!(verify("with trailing space ", &known).unwrap(), Verdict::Right);
        for wrong in ["with trailing space", "With trailing space ", " with trailing space "] {
            assert_eq!(verify(wrong, &known).unwrap(), Verdict::Wrong, "{wrong}");
        }
    }

    #[test]
    fn a_hash_of_weaker_days_is_told_apart() {
        let params = Params::new(8192, 1, 1, None).unwrap();
        let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(b"old").unwrap().to_string();
        assert_eq!(verify("old", &old).unwrap(), Verdict::RightButWeak);
    }
}
