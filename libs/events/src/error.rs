use std::time::Duration;

/// Why a connection to the broker must be built anew, or a round be repeated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("broker: {0}")]
    Broker(#[from] lapin::Error),
    #[error("broker address: {0}")]
    Address(String),
    #[error("database: {0}")]
    Database(#[from] db::Error),
    #[error("{what} took longer than {limit:?}")]
    TimedOut { what: &'static str, limit: Duration },
    #[error("the broker did not take {count} of {of} events")]
    NotTaken { count: usize, of: usize },
    #[error("the broker ended the subscription")]
    Unsubscribed,
    #[error("the connection to the broker is gone")]
    Gone,
    #[error("interrupted by a test")]
    Interrupted,
}

/// A future's answer within a limit.
///
/// # Errors
/// The future's, and that the time is over.
pub(crate) async fn within<T, E: Into<Error>>(
    what: &'static str,
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, work).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Error::TimedOut { what, limit }),
    }
}
