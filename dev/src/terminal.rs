//! The terminal: whole lines, one line per step with its time, and no panic when nobody reads any more.

use std::io::{IsTerminal, Write, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Whether the last line still waits for its end.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Prints a line. A closed terminal is no reason to leave the servers alone, so errors are ignored.
pub(crate) fn say(text: impl AsRef<str>) {
    let gap = if OPEN.swap(false, Ordering::Relaxed) { "\n" } else { "" };
    let mut out = stdout().lock();
    let _ = writeln!(out, "{gap}{}", text.as_ref()).and_then(|()| out.flush());
}

/// Whether colours are welcome.
pub(crate) fn colourful() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Text in an ANSI colour, such as 31 for red, when colours are welcome.
pub(crate) fn paint(colour: u8, text: &str) -> String {
    if colourful() { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Something that takes time: its name is shown when it begins, its note and its time when it is done.
pub(crate) struct Step {
    name: String,
    began: Instant,
}

impl Step {
    pub(crate) fn begin(name: impl Into<String>) -> Self {
        let name = name.into();
        let gap = if OPEN.swap(true, Ordering::Relaxed) { "\n" } else { "" };
        let mut out = stdout().lock();
        let _ = write!(out, "{gap}  {name:<15} ").and_then(|()| out.flush());
        Self { name, began: Instant::now() }
    }

    pub(crate) fn done(self, note: impl AsRef<str>) {
        let start = if OPEN.swap(false, Ordering::Relaxed) { String::new() } else { format!("  {:<15} ", self.name) };
        let mut out = stdout().lock();
        let text = format!("{start}{:<52} {:>8}", note.as_ref(), seconds(self.began.elapsed()));
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

/// `12.3 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100)
}
