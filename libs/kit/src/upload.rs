//! Receiving what a caller uploads: a stream whose first message says what it is about.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use proto::Upload;
use tonic::{Request, Status, Streaming};

use crate::refusal::Common;
use crate::{call, refuse};

/// An upload that has begun.
#[derive(Debug)]
pub struct Received<M> {
    /// The first message without its part of the file, for `write` and its kin.
    pub request: Request<M>,
    /// What the caller says the file is.
    pub content_type: String,
    pub parts: Parts,
}

/// The bytes of an upload, as they come. They end with an error when the caller breaks off.
pub struct Parts(Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>);

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

impl Parts {
    pub fn new(stream: impl Stream<Item = Result<Bytes, Status>> + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }

    /// The next part; none when the file is complete.
    ///
    /// # Errors
    /// When the caller broke off, or sent more than the RPC takes.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        self.0.next().await.transpose()
    }
}

/// Reads the first message, checks its field rules, and hands over the rest to be read.
///
/// # Errors
/// INVALID_ARGUMENT with every violation, or when nothing comes.
pub async fn receive<M: Upload + 'static>(request: Request<Streaming<M>>) -> Result<Received<M>, Status> {
    let (metadata, extensions, mut stream) = request.into_parts();
    let nothing = || types::Violation::new("file", "is required");
    let first = stream.message().await?;
    let mut request = Request::from_parts(metadata, extensions, first.unwrap_or_default());
    let (caller, _) = call::check(&request)?;
    let (service, bytes_max) = (call::service(caller), caller.rpc.upload_bytes_max.unwrap_or_default());
    let part = request.get_mut().take_part().ok_or_else(|| refuse(service, &Common::from(nothing())))?;
    let parts = parts(part.data, stream, bytes_max, service);
    Ok(Received { request, content_type: part.content_type, parts })
}

/// The parts of all messages, up to so many bytes.
fn parts<M: Upload + 'static>(
    first: Bytes,
    rest: impl Stream<Item = Result<M, Status>> + Send + 'static,
    bytes_max: u64,
    service: &'static str,
) -> Parts {
    let rest = rest.map(|message| message.map(|mut message| message.take_part().unwrap_or_default().data));
    let all = futures_util::stream::once(std::future::ready(Ok(first))).chain(rest);
    let all = all.scan(0, move |seen, part| {
        let part = part.and_then(|part| {
            *seen += part.len() as u64;
            if *seen > bytes_max { Err(refuse(service, &Common::UploadTooLarge(bytes_max))) } else { Ok(part) }
        });
        std::future::ready(Some(part))
    });
    Parts::new(all.filter(|part| std::future::ready(part.as_ref().map_or(true, |part| !part.is_empty()))))
}

#[cfg(test)]
mod tests {
    use proto::Validate;
    use proto::google::api::HttpBody;
    use types::Violations;

    use super::*;

    #[derive(Clone, PartialEq, prost::Message)]
    struct Scan {
        #[prost(message, optional, tag = "1")]
        file: Option<HttpBody>,
    }

    impl Upload for Scan {
        fn take_part(&mut self) -> Option<HttpBody> {
            self.file.take()
        }
    }

    impl Validate for Scan {
        const FIELDS: &'static [&'static str] = &["file"];
        const FIXED: &'static [&'static str] = &[];

        fn check(&self, _: &str, _: Option<&[String]>, _: &mut Violations) {}
    }

    async fn read(rest: Vec<Result<Scan, Status>>) -> Result<Vec<u8>, Status> {
        let mut parts = parts(Bytes::from_static(b"123"), futures_util::stream::iter(rest), 10, "accounts");
        let mut bytes = Vec::new();
        while let Some(part) = parts.next().await? {
            assert!(!part.is_empty(), "a part holds something");
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    fn scan(data: &'static [u8]) -> Result<Scan, Status> {
        Ok(Scan { file: Some(HttpBody { data: Bytes::from_static(data), ..HttpBody::default() }) })
    }

    #[tokio::test]
    async fn the_parts_of_all_messages_are_the_file() {
        let rest = vec![scan(b"456"), scan(b""), Ok(Scan { file: None }), scan(b"7890")];
        assert_eq!(read(rest).await.unwrap(), b"1234567890");
    }

    #[tokio::test]
    async fn a_longer_file_than_is_taken_ends_with_a_refusal() {
        let refused = read(vec![scan(b"4567"), scan(b"89012")]).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (tonic::Code::InvalidArgument, "the file must not be longer than 10 bytes")
        );
    }

    #[tokio::test]
    async fn a_caller_who_breaks_off_has_sent_no_file() {
        let broken = vec![scan(b"456"), Err(Status::cancelled("gone"))];
        assert_eq!(read(broken).await.unwrap_err().code(), tonic::Code::Cancelled);
    }
}
