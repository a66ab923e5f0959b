//! Every line in its room. The rooms are described in docs/ARCHITECTURE.md.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the tree panics")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 400;

#[test]
fn every_line_is_in_its_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut wrong = String::new();
    for file in files(&root, &["libs", "services", "gateway", "dev", "bench"]) {
        let shown = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        let mut blame = |why: &str| writeln!(wrong, "{shown}: {why}").unwrap();
        if file.ends_with("Cargo.toml") {
            if !text.contains("[lints]\nworkspace = true") {
                blame("does not take the workspace's lints");
            }
            continue;
        }
        if file.extension().is_some_and(|extension| extension == "rs") {
            if text.lines().count() > LINES_MAX {
                blame("is longer than 400 lines");
            }
            source(&shown, &text, &mut blame);
        }
        if shown.starts_with("services/") && shown.ends_with(".sql") {
            migration(&shown, &text, &mut blame);
        }
    }
    for service in fs::read_dir(root.join("services")).unwrap().flatten() {
        for entry in
            ["Cargo.toml", "README.md", "migrations", "src/main.rs", "src/lib.rs", "src/error.rs", "tests/main.rs"]
        {
            if !service.path().join(entry).exists() {
                writeln!(wrong, "services/{}: lacks {entry}", service.file_name().display()).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "not in its room:\n{wrong}");
}

fn source(shown: &str, text: &str, blame: &mut impl FnMut(&str)) {
    let in_source = shown.contains("/src/");
    let body = text.split("#[cfg(test)]").next().unwrap_or(text);
    let code: Vec<&str> = body.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let holds = |word: &str| code.iter().any(|line| line.contains(word));
    if in_source
        && !shown.starts_with("libs/testing/")
        && !shown.ends_with("/main.rs")
        && !shown.starts_with("dev/")
        && !shown.starts_with("bench/")
        && holds(".unwrap()")
    {
        blame("unwraps outside of tests");
    }
    if !in_source || !shown.starts_with("services/") {
        return;
    }
    let store = shown.ends_with("/store.rs") || shown.contains("/store/");
    let wire = shown.ends_with("/rpc.rs") || shown.contains("/rpc/");
    let frame = ["main.rs", "lib.rs", "error.rs", "hears.rs", "seed.rs"]
        .iter()
        .any(|name| shown.ends_with(&format!("/src/{name}")));
    if !store && holds("sqlx::") && !shown.ends_with("/src/lib.rs") {
        blame("speaks sqlx outside of a store");
    }
    let statement = ["\"select ", "\"insert into ", "\"update ", "\"delete from ", "\"\nselect ", "\"with "];
    if !store && statement.iter().any(|start| body.contains(start)) {
        blame("holds SQL outside of a store");
    }
    if holds("Status::") {
        blame("makes a Status outside of libs/kit");
    }
    if !store && !wire && !frame && !shown.contains("/src/seed/") && domain(shown) {
        for word in ["async fn", "tonic::", "prost::", "tracing::", "Utc::now", "std::time::Instant"] {
            if holds(word) {
                blame(&format!("a domain file must not hold `{word}`"));
            }
        }
    }
}

/// `src/<noun>.rs`: rules and nothing else.
fn domain(shown: &str) -> bool {
    shown.split("/src/").nth(1).is_some_and(|rest| !rest.contains('/'))
}

fn migration(shown: &str, text: &str, blame: &mut impl FnMut(&str)) {
    let own = shown.split('/').nth(1).unwrap_or_default();
    for schema in ["identity", "accounts", "inventory", "pos", "ledger"].into_iter().filter(|schema| *schema != own) {
        if text.lines().any(|line| !line.trim_start().starts_with("--") && line.contains(&format!(" {schema}."))) {
            blame("names another service's schema");
        }
    }
}

fn files(root: &Path, folders: &[&str]) -> Vec<PathBuf> {
    let mut todo: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && !["target", "node_modules", "snapshots"].iter().any(|name| path.ends_with(name)) {
                todo.push(path);
            } else if path.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
