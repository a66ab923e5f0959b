//! The services' JSON log lines, kept as they are in files and shown readably on the terminal.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, PipeReader, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Map, Value};

use crate::terminal::{colourful, paint, say};

/// What of the followed lines reaches the terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sink {
    /// Nothing: the files have it.
    Quiet,
    /// All that `show_from` lets through.
    Terminal,
}

/// The lowest rank that is shown.
static SHOWN_FROM: AtomicU8 = AtomicU8::new(3);

const LEVELS: [&str; 5] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];

/// While a suite starts only warnings are shown; afterwards everything.
pub(crate) fn show_everything() {
    SHOWN_FROM.store(0, Ordering::Relaxed);
}

/// Copies lines from a child to its file, and to the terminal, until the child closes its end.
pub(crate) fn follow(name: &str, lines: PipeReader, mut file: File, sink: Sink) {
    let name = name.to_owned();
    let copy = move || {
        let mut lines = BufReader::new(lines);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            // A full disk must not stop the service that writes.
            let _ = file.write_all(&line);
            let text = String::from_utf8_lossy(&line);
            if sink == Sink::Terminal && rank(&text) >= SHOWN_FROM.load(Ordering::Relaxed) {
                say(readable(&name, text.trim_end(), colourful()));
            }
            line.clear();
        }
    };
    // It only reads: no child is started from this thread.
    let _ = std::thread::Builder::new().name("log".into()).spawn(copy);
}

/// The last lines of a log, indented and readable; to be shown when something failed.
pub(crate) fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut last = VecDeque::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if last.len() == 15 {
            last.pop_front();
        }
        last.push_back(format!("    {}", readable("", line, false)));
    }
    last.push_back(format!("    (all of it: {})", path.display()));
    Vec::from(last).join("\n")
}

/// Moves a log that has grown beyond 20 MB aside, so that one old one is kept.
pub(crate) fn rotate(path: &Path) {
    if fs::metadata(path).is_ok_and(|found| found.len() > 20_000_000) {
        let _ = fs::rename(path, path.with_extension("log.old"));
    }
}

/// `09:12:33.123 INFO  pos        sale completed sale.id=… request.id=…`; a line that is not JSON stays as it is.
fn readable(service: &str, line: &str, colour: bool) -> String {
    let Ok(Value::Object(mut record)) = serde_json::from_str(line) else {
        return if service.is_empty() { line.to_owned() } else { format!("{:<18} {service:<10} {line}", "") };
    };
    let timestamp = record.remove("timestamp").map(|value| plain(&value)).unwrap_or_default();
    let time = timestamp.split_once('T').map_or(timestamp.as_str(), |(_, time)| time);
    let time = time.get(..12).unwrap_or(time);
    let level = record.remove("level").map(|value| plain(&value)).unwrap_or_default();
    let mut fields = match record.remove("fields") {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let message = fields.remove("message").or_else(|| record.remove("message"));
    let message = message.map(|value| plain(&value)).unwrap_or_default();
    for name in ["target", "spans", "threadId", "threadName", "filename", "line_number"] {
        record.remove(name);
    }
    if let Some(Value::Object(span)) = record.remove("span") {
        fields.extend(span);
    }
    fields.extend(record);
    let details = fields.iter().map(|(name, value)| format!(" {name}={}", quoted(value))).collect::<String>();
    let padded = format!("{level:<5}");
    let level = match (colour, level.as_str()) {
        (true, "ERROR") => paint(31, &padded),
        (true, "WARN") => paint(33, &padded),
        (true, "INFO") => paint(32, &padded),
        _ => padded,
    };
    let details = if colour && !details.is_empty() { paint(90, &details) } else { details };
    let service = if service.is_empty() { String::new() } else { format!("{service:<10} ") };
    format!("{time} {level} {service}{message}{details}")
}

/// How grave a line is; one that is not JSON comes from a panic or a linker and is grave.
fn rank(line: &str) -> u8 {
    let level =
        serde_json::from_str::<Value>(line).ok().and_then(|record| Some(record.get("level")?.as_str()?.to_owned()));
    let level = level.and_then(|level| (0..).zip(LEVELS).find(|(_, name)| *name == level));
    level.map_or(4, |(rank, _)| rank)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=', '\n']) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_reads_as_time_level_service_message_and_fields() {
        for line in [
            r#"{"timestamp":"2026-03-01T09:12:33.123456Z","level":"INFO","fields":{"message":"sale completed","sale.id":"7","note":"two words"},"target":"pos","span":{"name":"rpc","request.id":"r-1"},"spans":[]}"#,
            r#"{"timestamp":"2026-03-01T09:12:33.123456Z","level":"INFO","message":"sale completed","sale.id":"7","note":"two words","target":"pos","span":{"name":"rpc","request.id":"r-1"}}"#,
        ] {
            let shown = readable("pos", line, false);
            assert!(shown.starts_with("09:12:33.123 INFO  pos        sale completed "), "{shown}");
            for detail in [" sale.id=7", " note=\"two words\"", " name=rpc", " request.id=r-1"] {
                assert!(shown.contains(detail), "{shown}");
            }
            assert!(!shown.contains("target"), "{shown}");
        }
    }

    #[test]
    fn a_panic_is_shown_as_it_is_and_is_grave() {
        let line = "thread 'main' panicked at src/main.rs:1:1:";
        assert!(readable("pos", line, false).ends_with(line));
        assert_eq!(rank(line), 4);
        assert_eq!(rank(r#"{"level":"INFO","message":"x"}"#), 2);
    }
}
