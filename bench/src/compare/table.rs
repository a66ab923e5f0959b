//! The table at the end: figures, ratios, and the marks they are held against.

use std::fmt;

use crate::figures::Milli;

/// What a ratio or figure should be.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    AtLeast(Milli, Milli),
    AtMost(Milli, Milli),
}

#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

struct Row {
    what: String,
    suite: String,
    other: String,
    /// The number that the mark speaks of, and its unit.
    value: Option<(Milli, &'static str)>,
    mark: Option<Mark>,
}

impl Mark {
    /// The mark of today, and the goal behind it.
    pub(super) const fn at_least(now: u64, goal: u64) -> Self {
        Self::AtLeast(Milli(now), Milli(goal))
    }

    pub(super) const fn at_most(now: u64, goal: u64) -> Self {
        Self::AtMost(Milli(now), Milli(goal))
    }

    fn verdict(self, value: Milli) -> &'static str {
        match self {
            Self::AtLeast(_, goal) if value >= goal => "goal met",
            Self::AtLeast(now, _) if value >= now => "met",
            Self::AtMost(_, goal) if value <= goal => "goal met",
            Self::AtMost(now, _) if value <= now => "met",
            Self::AtLeast(..) | Self::AtMost(..) => "**missed**",
        }
    }
}

impl Table {
    /// A figure beside another, with their ratio.
    pub(super) fn ratio(
        &mut self,
        what: String,
        suite: String,
        other: String,
        ratio: Option<Milli>,
        mark: Option<Mark>,
    ) {
        println!(
            "   {what}: {suite} against {other}: {}",
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
        );
        self.rows.push(Row { what, suite, other, value: ratio.map(|ratio| (ratio, "×")), mark });
    }

    /// A figure of its own.
    pub(super) fn figure(
        &mut self,
        what: String,
        suite: String,
        value: Option<(Milli, &'static str)>,
        mark: Option<Mark>,
    ) {
        println!("   {what}: {suite}");
        self.rows.push(Row { what, suite, other: String::new(), value, mark });
    }

    pub(super) fn note(&mut self, note: String) {
        println!("   {note}");
        self.notes.push(note);
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(now, goal) => write!(f, "≥ {now} (goal {goal})"),
            Self::AtMost(now, goal) => write!(f, "≤ {now} (goal {goal})"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| What | Suite | Compared with | Ratio or figure | Mark | |")?;
        writeln!(f, "| --- | --- | --- | ---: | --- | --- |")?;
        for Row { what, suite, other, value, mark } in &self.rows {
            let shown = value.map_or(String::new(), |(value, unit)| format!("{value:.2} {unit}"));
            let held = mark.map_or(String::new(), |mark| mark.to_string());
            let verdict = value.zip(*mark).map_or("", |((value, _), mark)| mark.verdict(value));
            writeln!(f, "| {what} | {suite} | {other} | {shown} | {held} | {verdict} |")?;
        }
        writeln!(f)?;
        self.notes.iter().try_for_each(|note| writeln!(f, "* {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_held_against_its_mark_and_its_goal() {
        let more = Mark::at_least(500, 1000);
        assert_eq!([400, 500, 1000].map(|ratio| more.verdict(Milli(ratio))), ["**missed**", "met", "goal met"]);
        let less = Mark::at_most(2000, 1300);
        assert_eq!([2100, 2000, 1300].map(|ratio| less.verdict(Milli(ratio))), ["**missed**", "met", "goal met"]);
    }

    #[test]
    fn the_table_has_a_line_for_each_row() {
        let mut table = Table::default();
        table.ratio(
            "checkout, 8 clients".into(),
            "1000/s".into(),
            "2000/s".into(),
            Some(Milli(500)),
            Some(Mark::at_least(500, 1000)),
        );
        table.figure(
            "idle memory".into(),
            "70 MB".into(),
            Some((Milli(70_000), "MB")),
            Some(Mark::at_most(120_000, 60_000)),
        );
        table.note("quick".into());
        let text = table.to_string();
        assert!(text.contains("| checkout, 8 clients | 1000/s | 2000/s | 0.50 × | ≥ 0.5 (goal 1.0) | met |"), "{text}");
        assert!(text.contains("| 70.00 MB | ≤ 120.0 (goal 60.0) | met |"), "{text}");
        assert!(text.ends_with("* quick\n"));
    }
}
