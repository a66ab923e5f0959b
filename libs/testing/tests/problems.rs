//! Every reason for which something is refused has its page in docs/problems, and every page its reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Reasons that no caller ever sees: their answers have the codes `INTERNAL` and `UNAVAILABLE`, or those of another service
/// or library.
const UNSEEN: [&str; 8] = ["FIELD", "FAULT", "DB", "DATABASE", "REFUSED", "UPLOAD", "BROKE_OFF", "NOT_APPROVED"];

#[test]
fn every_reason_has_a_page_and_every_page_a_reason() {
    let mut reasons = BTreeSet::new();
    let services =
        fs::read_dir(root().join("services")).unwrap().flatten().map(|entry| entry.path().join("src/error.rs"));
    let shared =
        ["libs/kit/src/refusal.rs", "libs/kit/src/approval.rs", "libs/files/src/take.rs"].map(|file| root().join(file));
    for file in services.chain(shared) {
        reasons.extend(variants(&fs::read_to_string(&file).unwrap()));
    }
    reasons.extend(codes(&fs::read_to_string(root().join("gateway/src/problem.rs")).unwrap()));
    for file in ["transcode.rs", "metadata.rs", "front.rs", "web.rs", "auth.rs", "cookie.rs"] {
        reasons.extend(codes(&fs::read_to_string(root().join("gateway/src").join(file)).unwrap()));
    }
    reasons.retain(|reason| !UNSEEN.contains(&reason.as_str()));

    let pages: BTreeSet<String> = fs::read_dir(root().join("docs/problems"))
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".md").map(str::to_owned))
        .filter(|slug| slug != "README")
        .map(|slug| slug.to_ascii_uppercase().replace('-', "_"))
        .collect();

    let missing: Vec<&String> = reasons.difference(&pages).collect();
    let left: Vec<&String> = pages.difference(&reasons).collect();
    assert!(
        missing.is_empty() && left.is_empty(),
        "reasons without a page: {missing:?}; pages without a reason: {left:?}"
    );
    assert!(reasons.len() > 60, "the reasons are still found: {reasons:?}");
}

/// The variants of enums whose names are reasons on the wire.
fn variants(source: &str) -> Vec<String> {
    let mut reasons = Vec::new();
    for body in source.split("#[strum(serialize_all = \"SCREAMING_SNAKE_CASE\")]").skip(1) {
        let body = body.split_once('{').map_or("", |(_, rest)| rest);
        let body = body.split("\n}").next().unwrap_or_default();
        for line in body.lines().filter_map(|line| line.strip_prefix("    ")) {
            let name: String = line.chars().take_while(char::is_ascii_alphanumeric).collect();
            if name.starts_with(|c: char| c.is_ascii_uppercase()) {
                reasons.push(screaming(&name));
            }
        }
    }
    reasons
}

fn screaming(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

/// The codes that the gateway gives by itself.
fn codes(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or(source);
    let quoted = source.split('"').skip(1).step_by(2);
    let is_code = |text: &&str| {
        text.len() >= 5 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') && !text.starts_with('_')
    };
    quoted.filter(is_code).map(str::to_owned).collect()
}
