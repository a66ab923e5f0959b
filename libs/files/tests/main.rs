//! Files on a disk and in a bucket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bucket;
mod keep;
mod links;
mod take;

use files::{Files, Kind, Rules, Taken};
use futures_util::stream;
use kit::Parts;
use kit::config::Secret;
use tonic::Status;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const RULES: Rules = Rules { bytes_max: 1 << 20, kinds: &[Kind::Png, Kind::Csv] };

/// A directory that goes with the test.
struct Place(std::path::PathBuf);

impl Place {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("files-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn files(&self) -> Files {
        Files::open(&Secret::new(format!("file:{}", self.0.display()))).unwrap()
    }

    /// What lies in the spool.
    fn drafts(&self) -> usize {
        std::fs::read_dir(self.0.join("spool")).unwrap().count()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn parts(parts: &[&[u8]]) -> Parts {
    let parts: Vec<_> = parts.iter().map(|part| Ok(part.to_vec().into())).collect();
    Parts::new(stream::iter(parts))
}

fn broken(part: &[u8]) -> Parts {
    Parts::new(stream::iter(vec![Ok(part.to_vec().into()), Err(Status::cancelled("gone"))]))
}

async fn take(files: &Files, bytes: &[u8]) -> Taken {
    files.take(&RULES, "", parts(&[bytes])).await.unwrap()
}

async fn all(parts: Option<Parts>) -> Vec<u8> {
    let (mut parts, mut bytes) = (parts.unwrap(), Vec::new());
    while let Some(part) = parts.next().await.unwrap() {
        bytes.extend_from_slice(&part);
    }
    bytes
}
