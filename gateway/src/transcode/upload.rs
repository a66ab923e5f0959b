//! A body that is passed on as it comes: the first message says what the upload is about, each further one holds a part.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use tokio::sync::oneshot;

use crate::json::Field;
use crate::json::wire::{put_bytes, put_message};
use crate::problem::Problem;
use crate::transcode::swallow;

/// The longest part, in bytes.
const PART_MAX: usize = 64 * 1024;
/// Fields of `google.api.HttpBody`.
const KIND: u32 = 1;
const DATA: u32 = 2;

/// What an upload must keep to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub bytes_max: usize,
    /// Between two parts.
    pub patience: Duration,
}

/// The messages of an upload; and what is wrong with its body, should it turn out to be. The stream then never ends:
/// who gives up on it drops the call, and the service notices.
pub(crate) fn messages(
    headers: &HeaderMap,
    body: Body,
    head: &Bytes,
    field: &Field,
    limits: Limits,
) -> Result<(impl Stream<Item = Bytes> + Send + use<>, oneshot::Receiver<Problem>), Problem> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = "the body must not be compressed";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "Unsupported media type", "UNSUPPORTED_MEDIA_TYPE", detail));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits.bytes_max) {
        swallow(body.into_data_stream(), limits.bytes_max, limits.patience);
        return Err(Problem::too_large(limits.bytes_max));
    }
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    let mut first = head.to_vec();
    put_message(&mut first, field.number, |out| put_bytes(out, KIND, kind));
    let (wrong, told) = oneshot::channel();
    let parts = Parts {
        body: body.into_data_stream(),
        rest: Bytes::new(),
        seen: 0,
        number: field.number,
        limits,
        wrong: Some(wrong),
    };
    let parts = futures_util::stream::unfold(parts, async |mut parts| Some((parts.next().await?, parts)));
    Ok((futures_util::stream::once(std::future::ready(first.into())).chain(parts), told))
}

struct Parts {
    body: BodyDataStream,
    /// What has come and was not passed on yet.
    rest: Bytes,
    seen: usize,
    number: u32,
    limits: Limits,
    wrong: Option<oneshot::Sender<Problem>>,
}

impl Parts {
    async fn next(&mut self) -> Option<Bytes> {
        while self.rest.is_empty() {
            match tokio::time::timeout(self.limits.patience, self.body.next()).await {
                Ok(Some(Ok(bytes))) => {
                    self.seen += bytes.len();
                    if self.seen > self.limits.bytes_max {
                        return self.give_up(Problem::too_large(self.limits.bytes_max)).await;
                    }
                    self.rest = bytes;
                }
                Ok(None) => return None,
                Ok(Some(Err(_))) => return self.give_up(Problem::body_broken()).await,
                Err(_) => return self.give_up(Problem::body_too_slow(self.limits.patience.as_secs())).await,
            }
        }
        let part = self.rest.split_to(self.rest.len().min(PART_MAX));
        let mut message = Vec::with_capacity(part.len() + 16);
        put_message(&mut message, self.number, |out| put_bytes(out, DATA, &part));
        Some(message.into())
    }

    /// Tells what is wrong, and waits to be dropped.
    async fn give_up(&mut self, problem: Problem) -> Option<Bytes> {
        if let Some(wrong) = self.wrong.take() {
            let _ = wrong.send(problem);
        }
        std::future::pending().await
    }
}

/// Nobody reads on: the sender is let come to his end, so that he reads why.
impl Drop for Parts {
    fn drop(&mut self) {
        if tokio::runtime::Handle::try_current().is_ok() {
            let body = std::mem::replace(&mut self.body, Body::empty().into_data_stream());
            swallow(body, self.limits.bytes_max, self.limits.patience);
        }
    }
}
