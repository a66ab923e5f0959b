//! Taking an upload: part by part into a file of its own, which is gone again unless it is kept.

use std::path::PathBuf;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use kit::{Class, Fault, Parts, Refusal};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tonic::Status;
use uuid::Uuid;

use crate::kind::{HEAD, Kind};

/// What is taken for one purpose.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub bytes_max: u64,
    pub kinds: &'static [Kind],
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Refused {
    #[error("the file must not be longer than {0} bytes")]
    FileTooLarge(u64),
    #[error("a file of this kind is not taken here")]
    FileKindRefused,
    #[error("the file is empty")]
    FileEmpty,
    #[error("the caller broke off")]
    BrokeOff(Box<Status>),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Refusal for Refused {
    fn class(&self) -> Class {
        match self {
            Self::FileTooLarge(_) | Self::FileKindRefused | Self::FileEmpty | Self::BrokeOff(_) => Class::Invalid,
            Self::Fault(_) => Class::Fault,
            Self::Db(error) => Class::of_database(error),
        }
    }

    fn reason(&self) -> &'static str {
        self.into()
    }

    fn passed_on(&self) -> Option<Status> {
        match self {
            Self::BrokeOff(status) => Some((**status).clone()),
            _ => None,
        }
    }
}

impl From<std::io::Error> for Refused {
    #[track_caller]
    fn from(error: std::io::Error) -> Self {
        Self::Fault(Fault::new(error))
    }
}

/// An upload that is complete. Its bytes are removed with it, unless they were kept.
#[derive(Debug)]
pub struct Taken {
    pub(crate) path: PathBuf,
    pub kind: Kind,
    pub size: u64,
    pub sha256: [u8; 32],
}

impl Taken {
    /// The bytes, to read them again.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn open(&self) -> Result<File, Fault> {
        File::open(&self.path).await.map_err(Fault::new)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // Kept files have moved away.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes a file that was begun, whatever ends us.
struct Draft(Option<PathBuf>);

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Takes all parts, holding one at a time.
pub(crate) async fn take(
    spool: &std::path::Path,
    rules: &Rules,
    claimed: &str,
    mut parts: Parts,
) -> Result<Taken, Refused> {
    let path = spool.join(Uuid::now_v7().to_string());
    let mut file = File::create_new(&path).await?;
    let mut draft = Draft(Some(path));
    let (mut size, mut hash, mut head) = (0, Context::new(&SHA256), Vec::new());
    let mut kind = None;
    while let Some(part) = next(&mut parts).await? {
        size += part.len() as u64;
        if size > rules.bytes_max {
            return Err(Refused::FileTooLarge(rules.bytes_max));
        }
        if kind.is_none() {
            head.extend_from_slice(&part[..part.len().min(HEAD)]);
            if head.len() >= HEAD {
                kind = Some(Kind::of(&head, claimed, rules.kinds).ok_or(Refused::FileKindRefused)?);
            }
        }
        hash.update(&part);
        file.write_all(&part).await?;
    }
    if size == 0 {
        return Err(Refused::FileEmpty);
    }
    let kind = match kind {
        Some(kind) => kind,
        None => Kind::of(&head, claimed, rules.kinds).ok_or(Refused::FileKindRefused)?,
    };
    file.flush().await?;
    file.sync_all().await?;
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(hash.finish().as_ref());
    let path = draft.0.take().unwrap_or_default();
    Ok(Taken { path, kind, size, sha256 })
}

async fn next(parts: &mut Parts) -> Result<Option<Bytes>, Refused> {
    parts.next().await.map_err(|status| Refused::BrokeOff(Box::new(status)))
}
