//! Memory of each process: resident (RSS), and its share of what processes share (PSS).

use super::Bench;
use super::table::{Mark, Table};
use crate::failure::Result;
use crate::figures::Milli;
use crate::suite::{GATEWAY, SERVICES, Suite};

/// In kilobytes.
#[derive(Clone, Copy, Default)]
struct Memory {
    rss: u64,
    pss: u64,
}

pub(super) fn idle(suite: &Suite, table: &mut Table) -> Result<()> {
    tell(suite, "idle", Some(Mark::at_most(120_000, 60_000)), table)
}

pub(super) fn loaded(bench: &Bench, table: &mut Table) -> Result<()> {
    tell(&bench.suite, "after the load", None, table)?;
    if let Some(memory) = bench.fastify.as_ref().and_then(|fastify| of(fastify.pid()?)) {
        table.note(format!("Fastify after the load: {} MB RSS", megabytes(memory.rss)));
    }
    Ok(())
}

fn tell(suite: &Suite, when: &str, mark: Option<Mark>, table: &mut Table) -> Result<()> {
    let mut all = Memory::default();
    let mut each = Vec::new();
    for name in SERVICES.into_iter().chain([GATEWAY]) {
        let memory = of(suite.process(name)?.pid).unwrap_or_default();
        all = Memory { rss: all.rss + memory.rss, pss: all.pss + memory.pss };
        each.push(format!("{name} {}", megabytes(memory.rss)));
    }
    let (rss, pss) = (megabytes(all.rss), megabytes(all.pss));
    let told = format!("{rss} MB RSS, {pss} MB PSS ({})", each.join(", "));
    table.figure(format!("memory {when}, five services and the gateway"), told, Some((rss, "MB RSS")), mark);
    Ok(())
}

/// The most that a process takes for a while.
pub(super) struct Peak {
    pid: u32,
    before: Milli,
}

impl Peak {
    /// Forgets what it took at most before.
    pub(super) fn begin(pid: u32) -> Result<Self> {
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
        Ok(Self { pid, before: high_water(pid)? })
    }

    /// In megabytes: before, and at most since.
    pub(super) fn end(self) -> Result<(Milli, Milli)> {
        Ok((self.before, high_water(self.pid)?))
    }
}

fn high_water(pid: u32) -> Result<Milli> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(megabytes(line.trim().split(' ').next().and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or_default()))
}

/// None when the process is gone.
fn of(pid: u32) -> Option<Memory> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kilobytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().split(' ').next()?.parse().ok()
    };
    Some(Memory { rss: kilobytes("Rss:")?, pss: kilobytes("Pss:")? })
}

fn megabytes(kilobytes: u64) -> Milli {
    Milli(kilobytes * 1000 / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_more_than_nothing() {
        let own = of(std::process::id()).unwrap();
        assert!(own.rss >= own.pss && own.pss > 0);
        assert_eq!(megabytes(2048), Milli(2000));
        assert!(high_water(std::process::id()).unwrap() >= megabytes(own.rss / 2));
    }
}
