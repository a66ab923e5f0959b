//! Passwords known from breaches, looked up in a file: nothing leaves the house.
//!
//! The file is that of Have I Been Pwned, whole or in part: a SHA-1 in capital hex on each line, in order, with a colon
//! and a count behind it or not. It may be far larger than memory, so it is searched where it lies.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use kit::Fault;

const HASH_CHARACTERS: usize = 40;
/// The longest line, with its end.
const LINE_BYTES_MAX: usize = 64;

/// The file of those passwords.
#[derive(Clone, Debug)]
pub(crate) struct Breached {
    file: Arc<File>,
    bytes: u64,
}

impl Breached {
    /// # Errors
    /// A sentence for the operator when the file cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let said = |error: std::io::Error| format!("BREACHED_PASSWORDS_FILE: {}: {error}", path.display());
        let file = File::open(path).map_err(said)?;
        let bytes = file.metadata().map_err(said)?.len();
        Ok(Self { file: Arc::new(file), bytes })
    }

    /// Whether the password is in it. This reads the disk, so it belongs where blocking is allowed.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub(crate) fn contains(&self, password: &str) -> Result<bool, Fault> {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let wanted = hex::encode_upper(digest.as_ref());
        let (mut low, mut high) = (0, self.bytes);
        while low < high {
            let middle = low + (high - low) / 2;
            // The line that begins after the one in the middle; the first line has nothing before it.
            let Some((begin, line)) = self.line_from(middle)? else {
                high = middle;
                continue;
            };
            match line.as_bytes().cmp(wanted.as_bytes()) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => low = begin + HASH_CHARACTERS as u64,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(false)
    }

    /// The hash of the first line that begins at this place or later, and where it begins.
    fn line_from(&self, place: u64) -> Result<Option<(u64, String)>, Fault> {
        let from = place.saturating_sub(1);
        let mut buffer = [0; 2 * LINE_BYTES_MAX];
        let read = self.file.read_at(&mut buffer, from).map_err(Fault::new)?;
        let seen = &buffer[..read];
        let begin = if place == 0 { Some(0) } else { seen.iter().position(|byte| *byte == b'\n').map(|end| end + 1) };
        let Some(line) = begin.and_then(|begin| seen.get(begin..begin + HASH_CHARACTERS)) else { return Ok(None) };
        let begin = from + begin.unwrap_or_default() as u64;
        Ok(Some((begin, String::from_utf8_lossy(line).to_ascii_uppercase())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(passwords: &[String], line: impl Fn(&str) -> String) -> Breached {
        let mut hashes: Vec<String> = passwords
            .iter()
            .map(|password| digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()))
            .map(|hash| hex::encode_upper(hash.as_ref()))
            .collect();
        hashes.sort();
        let text: String = hashes.iter().map(|hash| line(hash)).collect();
        let path = std::env::temp_dir().join(format!("breached-{}", uuid::Uuid::now_v7()));
        std::fs::write(&path, text).unwrap();
        let breached = Breached::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        breached
    }

    #[test]
    fn e7_every_password_of_the_file_is_found_and_no_other() {
        let passwords: Vec<String> = (0..500).map(|n| format!("correct horse {n}")).collect();
        let lines: [fn(&str) -> String; 3] =
            [|hash| format!("{hash}:3\r\n"), |hash| format!("{hash}:9999999\n"), |hash| format!("{hash}\n")];
        for line in lines {
            let breached = file(&passwords, line);
            for password in &passwords {
                assert!(breached.contains(password).unwrap(), "{password}");
                assert!(!breached.contains(&format!("{password}!")).unwrap(), "{password}!");
            }
        }
        assert!(!file(&[], str::to_owned).contains("anything at all").unwrap());
    }
}
