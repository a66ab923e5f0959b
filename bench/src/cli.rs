//! The commands and their options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(name = "bench", about = "Measures and breaks a running suite; start it with `dev suite -- bench …`")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Puts load on a suite and prints what came of it.
    Load(Load),
    /// Compares the suite with its raw database and with the Fastify baseline (what runs without a command).
    Compare(Compare),
    /// Breaks the suite in known ways, and checks what is left.
    Faults(Faults),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mix {
    /// `POST /v1/sales`: three lines, one tender, paid.
    Sales,
    /// `GET /v1/accounts` with terms from rare to common.
    Lists,
    /// Nine sales to one list.
    Mixed,
}

#[derive(Args)]
pub(crate) struct Load {
    #[arg(long, env = "BASE_URL", default_value = "http://127.0.0.1:8000")]
    pub(crate) url: String,
    #[arg(long, default_value_t = 8)]
    pub(crate) clients: usize,
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
    #[arg(long, value_enum, default_value_t = Mix::Sales)]
    pub(crate) mix: Mix,
    /// Sales per second for all clients together; without it each client goes on as soon as it has its answer.
    #[arg(long)]
    pub(crate) rate: Option<u64>,
    /// Keeps every request and answer in this file, synced to disk before the next step, and repeats what was not
    /// answered with the same key.
    #[arg(long)]
    pub(crate) witness: Option<PathBuf>,
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

#[derive(Args, Default)]
pub(crate) struct Compare {
    /// Shorter runs, fewer products and a tenth of the accounts: three minutes instead of ten.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Accounts in the lists; 1,000,000, or 100,000 when quick.
    #[arg(long)]
    pub(crate) rows: Option<u32>,
    /// Products to choose from, as in the raw transactions: 10,000, or 3,000 when quick.
    #[arg(long)]
    pub(crate) products: Option<usize>,
    /// Leaves out parts: checkout, lists, consumer, lag, import, memory.
    #[arg(long, value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Writes the table to this file too.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Faults {
    /// The figures of the fault matrix; without it a few rounds of each.
    #[arg(long)]
    pub(crate) full: bool,
    /// Only these, such as `F01,F05,STORM`.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Only the storm, in full: 1,000 concurrent sales while processes are killed.
    #[arg(long)]
    pub(crate) storm: bool,
    /// Repeats a run; printed on every line.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}
