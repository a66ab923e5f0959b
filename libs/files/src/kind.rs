//! What a file is: by its first bytes, never by its name.

/// The kinds that can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Csv,
    Text,
    Pdf,
    Png,
    Jpeg,
    Gif,
    Webp,
}

/// How many first bytes say what a file is.
pub(crate) const HEAD: usize = 1024;

impl Kind {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Text => "text/plain",
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// The kind, when it is allowed and the caller did not say another.
    pub(crate) fn of(head: &[u8], claimed: &str, allowed: &[Self]) -> Option<Self> {
        let claimed = claimed.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let open = ["", "application/octet-stream"].contains(&claimed.as_str());
        let may = |kind: &Self| allowed.contains(kind) && (open || claimed == kind.content_type());
        match Self::by_magic(head) {
            Some(kind) => Some(kind).filter(may),
            None if is_text(head) => [Self::Csv, Self::Text].into_iter().find(may),
            None => None,
        }
    }

    fn by_magic(head: &[u8]) -> Option<Self> {
        Some(match head {
            [b'%', b'P', b'D', b'F', b'-', ..] => Self::Pdf,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Self::Png,
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [b'G', b'I', b'F', b'8', ..] => Self::Gif,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::Webp,
            _ => return None,
        })
    }
}

/// UTF-8 without control characters; the last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars().all(|c| !c.is_control() || "\r\n\t".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_first_bytes_say() {
        let png = b"\x89PNG\r\n\x1a\n....";
        let all = [Kind::Csv, Kind::Png, Kind::Pdf];
        for (head, claimed, kind) in [
            (&png[..], "image/png", Some(Kind::Png)),
            (png, "", Some(Kind::Png)),
            (png, "image/png; q=1", Some(Kind::Png)),
            (png, "application/pdf", None),
            (b"%PDF-1.7", "application/octet-stream", Some(Kind::Pdf)),
            (b"\xff\xd8\xff\xe0", "image/jpeg", None),
            ("name,city\nAda,Zürich\n".as_bytes(), "text/csv", Some(Kind::Csv)),
            (b"name\n", "", Some(Kind::Csv)),
            (b"name\n", "image/png", None),
            (b"MZ\x90\x00", "text/csv", None),
            (b"caf\xe9\n", "text/csv", None),
            (&"é".as_bytes()[..1], "text/csv", Some(Kind::Csv)),
        ] {
            assert_eq!(Kind::of(head, claimed, &all), kind, "{claimed}: {head:?}");
        }
    }
}
