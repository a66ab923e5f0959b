//! Processor time of each process, so that a rate that is missed can be explained.

use std::collections::BTreeMap;
use std::fs;

use sqlx::PgConnection;

use crate::failure::Result;
use crate::figures::Milli;
use crate::suite::Suite;

/// Milliseconds of one tick in /proc; Linux tells all programs hundredths of seconds.
const TICK_MS: u64 = 10;

/// What the processes had used, and the sales there had been, at some instant.
pub(super) struct Used {
    milliseconds: BTreeMap<String, u64>,
    sales: i64,
}

impl Used {
    pub(super) async fn now(suite: &Suite) -> Result<Self> {
        let mut db = suite.database().await?;
        let children = children();
        let mut milliseconds = BTreeMap::new();
        for (name, process) in suite.processes()? {
            milliseconds.insert(name, of_tree(process.pid, &children));
        }
        milliseconds.insert("generator".to_owned(), ticks(std::process::id()).map_or(0, |(_, ticks)| ticks * TICK_MS));
        Ok(Self { milliseconds, sales: sales(&mut db).await? })
    }

    /// Milliseconds per sale since then, the largest first, and their sum.
    pub(super) fn per_sale(&self, then: &Self) -> Option<String> {
        let sales = u64::try_from(self.sales - then.sales).ok().filter(|sales| *sales > 0)?;
        let used = |(name, now): (&String, &u64)| {
            let before = then.milliseconds.get(name).copied().unwrap_or(0);
            (Milli(now.saturating_sub(before) * 1000 / sales), name.clone())
        };
        let mut all = self.milliseconds.iter().map(used).filter(|(used, _)| used.0 >= 10).collect::<Vec<_>>();
        all.sort_by(|one, other| other.cmp(one));
        let sum = Milli(all.iter().map(|(used, _)| used.0).sum());
        let each = all.iter().map(|(used, name)| format!("{name} {used:.2}")).collect::<Vec<_>>().join(", ");
        Some(format!("{sum:.2} ms of processor time per sale and its effects: {each}"))
    }
}

/// Sales that were given a number, ever.
async fn sales(db: &mut PgConnection) -> Result<i64> {
    let sql = "select case when is_called then last_value else 0 end from pos.sale_number";
    Ok(sqlx::query_scalar(sql).fetch_one(db).await?)
}

/// Of a process and all below it: PostgreSQL has one for each connection.
fn of_tree(root: u32, children: &BTreeMap<u32, Vec<u32>>) -> u64 {
    let own = ticks(root).map_or(0, |(_, ticks)| ticks * TICK_MS);
    own + children.get(&root).into_iter().flatten().map(|child| of_tree(*child, children)).sum::<u64>()
}

fn children() -> BTreeMap<u32, Vec<u32>> {
    let mut children = BTreeMap::<u32, Vec<u32>>::new();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        if let Some((parent, _)) = ticks(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

/// The parent of a process, and the ticks that it has used.
fn ticks(pid: u32) -> Option<(u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name in brackets: 3 is the state, 4 the parent, 14 and 15 the time in and for the process.
    let fields = text.rsplit_once(')')?.1.split_whitespace().collect::<Vec<_>>();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some((u32::try_from(number(4)?).ok()?, number(14)? + number(15)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_shared_among_the_sales() {
        let used = |pos: u64, postgresql: u64, sales| {
            let pairs = [("pos".to_owned(), pos), ("postgresql".to_owned(), postgresql)];
            Used { milliseconds: pairs.into(), sales }
        };
        let told = used(3_000, 5_500, 1_100).per_sale(&used(1_000, 500, 100)).unwrap();
        assert_eq!(told, "7.00 ms of processor time per sale and its effects: postgresql 5.00, pos 2.00");
        assert_eq!(used(1, 1, 5).per_sale(&used(1, 1, 5)), None);
    }

    #[test]
    fn a_process_has_a_parent() {
        assert!(ticks(std::process::id()).is_some_and(|(parent, _)| parent > 0));
    }
}
