//! What comes in with a call: no message may be longer than this, whatever the RPC, since an upload comes in parts; and a
//! stream that breaks off never looks as if it were complete.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tonic::body::Body;
use tonic::{Code, Status};

const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// A flag and the length.
const PREFIX: usize = 5;

/// A request body that ends with an error as soon as a message says that it is too long; nothing is held for it.
pub(crate) struct Limited {
    inner: Body,
    prefix: [u8; PREFIX],
    /// How much of the prefix has come.
    seen: usize,
    /// How much of the message is still to come.
    left: usize,
}

impl Limited {
    pub(crate) fn over(inner: Body) -> Body {
        Body::new(Self { inner, prefix: [0; PREFIX], seen: 0, left: 0 })
    }

    fn look(&mut self, mut data: &[u8]) -> Result<(), Status> {
        while !data.is_empty() {
            let step = if self.left > 0 { self.left.min(data.len()) } else { (PREFIX - self.seen).min(data.len()) };
            let (now, rest) = data.split_at(step);
            data = rest;
            if self.left > 0 {
                self.left -= step;
                continue;
            }
            self.prefix[self.seen..self.seen + step].copy_from_slice(now);
            self.seen += step;
            if self.seen == PREFIX {
                let [_, a, b, c, d] = self.prefix;
                self.left = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
                self.seen = 0;
                if self.left > MESSAGE_BYTES_MAX {
                    return Err(Status::out_of_range(format!("a message has at most {MESSAGE_BYTES_MAX} bytes")));
                }
            }
        }
        Ok(())
    }
}

/// tonic takes a stream that the caller cancels for one that has ended: half a file would be a whole one.
fn broke_off(status: Status) -> Status {
    if status.code() == Code::Cancelled { Status::aborted("the caller broke off") } else { status }
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx)).map(|frame| {
            let frame = frame.map_err(broke_off)?;
            if let Some(data) = frame.data_ref() {
                self.look(data)?;
            }
            Ok(frame)
        });
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    #[test]
    fn a_message_that_is_too_long_is_seen_however_it_is_cut() {
        let message = |length: u32| [&[0][..], &length.to_be_bytes(), &[7; 20]].concat();
        let limited = || Limited { inner: Body::empty(), prefix: [0; PREFIX], seen: 0, left: 0 };
        let good = [message(20), message(20)].concat();
        let bad = [message(20), message(1024 * 1024 + 1)].concat();
        for size in 1..good.len() {
            let look = |bytes: &[u8]| {
                let mut body = limited();
                bytes.chunks(size).try_for_each(|part| body.look(part))
            };
            assert!(look(&good).is_ok(), "{size}");
            assert_eq!(look(&bad).unwrap_err().code(), Code::OutOfRange, "{size}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_is_cancelled_has_not_ended() {
        let broken = futures_util::stream::iter([
            Ok(Frame::data(Bytes::from_static(b"\0\0\0\0\x03abc"))),
            Err(Status::cancelled("the client is gone")),
        ]);
        let mut body = Limited::over(Body::new(http_body_util::StreamBody::new(broken)));
        let mut next = async || std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        assert!(next().await.is_some_and(|frame| frame.is_ok()));
        assert_eq!(next().await.unwrap().unwrap_err().code(), Code::Aborted);
    }
}
