//! What a service does with what it hears.

use std::error::Error;

use db::Tx;
use sqlx::postgres::PgDatabaseError;

use crate::Heard;

/// The effects of events. A plain `async fn hear(tx: &mut Tx, heard: &Heard) -> Result<(), HearError>` is one.
pub trait Hear: Send + Sync {
    /// Applies one event in the transaction that remembers it as done. It may be undone and repeated, alone or with
    /// others, so it touches nothing but the transaction.
    fn hear(&self, tx: &mut Tx, heard: &Heard) -> impl Future<Output = Result<(), HearError>> + Send;

    /// Before the first of several events of one transaction: the place to lock what they all will touch in one order.
    fn prepare(&self, tx: &mut Tx, batch: &[Heard]) -> impl Future<Output = Result<(), HearError>> + Send {
        let _ = (tx, batch);
        std::future::ready(Ok(()))
    }
}

/// A function whose future lives as long as its arguments.
pub trait HearFn<'a>: Send + Sync {
    type Answer: Future<Output = Result<(), HearError>> + Send + 'a;
    fn call(&self, tx: &'a mut Tx, heard: &'a Heard) -> Self::Answer;
}

impl<'a, F, A> HearFn<'a> for F
where
    F: Fn(&'a mut Tx, &'a Heard) -> A + Send + Sync,
    A: Future<Output = Result<(), HearError>> + Send + 'a,
{
    type Answer = A;
    fn call(&self, tx: &'a mut Tx, heard: &'a Heard) -> A {
        self(tx, heard)
    }
}

impl<F> Hear for F
where
    F: for<'a> HearFn<'a>,
{
    async fn hear(&self, tx: &mut Tx, heard: &Heard) -> Result<(), HearError> {
        self.call(tx, heard).await
    }
}

/// Why an event could not be applied. Every error becomes one by `?`.
#[derive(Debug)]
pub struct HearError {
    pub(crate) message: String,
    pub(crate) fault: Fault,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The event's, or the handler's: an attempt is counted.
    Event,
    /// Another transaction was in the way: at once again.
    Collision,
    /// The database is away: the event waits in the inbox.
    Database,
}

impl HearError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), fault: Fault::Event }
    }

    /// As the inbox keeps it.
    pub(crate) fn stored(&self) -> String {
        self.message.chars().take(2_000).collect()
    }
}

impl<E: Error + 'static> From<E> for HearError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut fault = fault(&error);
        let mut source = error.source();
        while let Some(error) = source {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            if fault == Fault::Event {
                fault = self::fault(error);
            }
            source = error.source();
        }
        Self { message, fault }
    }
}

fn fault(error: &(dyn Error + 'static)) -> Fault {
    if let Some(error) = error.downcast_ref::<PgDatabaseError>() {
        return by_code(error.code());
    }
    if error.is::<std::io::Error>() {
        return Fault::Database;
    }
    match error.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(error)) => by_code(&error.code().unwrap_or_default()),
        Some(
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed,
        ) => Fault::Database,
        _ => Fault::Event,
    }
}

/// By SQLSTATE.
fn by_code(code: &str) -> Fault {
    match code {
        // Serialization failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => Fault::Collision,
        // Idle in transaction for too long; shutting down, crashed, starting.
        "25P03" | "57P01" | "57P02" | "57P03" => Fault::Database,
        // Lost connections, lack of resources, a standby that only reads.
        code if code.starts_with("08") || code.starts_with("53") || code == "25006" => Fault::Database,
        _ => Fault::Event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Refused {
        #[error("the shop is closed")]
        Closed,
        #[error(transparent)]
        Database(#[from] sqlx::Error),
    }

    #[test]
    fn the_database_is_not_the_fault_of_the_event() {
        let away = HearError::from(sqlx::Error::PoolTimedOut);
        assert_eq!(away.fault, Fault::Database);
        assert_eq!(HearError::from(Refused::Closed).fault, Fault::Event);
        assert_eq!(HearError::from(Refused::Closed).message, "the shop is closed");
        for (code, fault) in [
            ("40P01", Fault::Collision),
            ("57P01", Fault::Database),
            ("08006", Fault::Database),
            ("23505", Fault::Event),
        ] {
            assert_eq!(by_code(code), fault, "{code}");
        }
    }
}
