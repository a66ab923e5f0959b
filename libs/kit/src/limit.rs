//! No message of a call may be longer than this, whatever the RPC: an upload comes in parts.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;

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

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx)).map(|frame| {
            let frame = frame?;
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
            assert_eq!(look(&bad).unwrap_err().code(), tonic::Code::OutOfRange, "{size}");
        }
    }
}
