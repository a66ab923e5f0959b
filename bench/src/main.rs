//! Puts load on a running suite, compares it with its raw database and another stack, and breaks it on purpose.

#![expect(clippy::print_stdout, reason = "what was measured and found is told on the terminal")]
#![expect(clippy::disallowed_methods, reason = "a harness reads its surroundings, waits for others and serves nobody")]

mod adopt;
mod cli;
mod compare;
mod failure;
mod faults;
mod figures;
mod ground;
mod http;
mod load;
mod oracle;
mod order;
mod sell;
mod session;
mod suite;
mod witness;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, Compare};

/// One thread: the load generator shares the machine with what it measures, and processes that it starts live as
/// long as the thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Cli::parse().command.unwrap_or_else(|| Command::Compare(Compare::default())) {
        Command::Load(options) => load::run(options).await,
        Command::Compare(options) => compare::run(options).await,
        Command::Faults(options) => faults::run(options).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            println!("failed: {failure}");
            ExitCode::FAILURE
        }
    }
}
