//! The tool behind the Makefile: runs the suite, its tests, and what needs a running suite.

mod accounts;
mod cli;
mod commands;
#[cfg(test)]
mod compose;
mod failure;
mod foreground;
mod http;
mod logs;
mod packages;
mod place;
mod ports;
mod postgres;
mod proc;
mod process;
mod provision;
mod rabbit;
mod secrets;
mod settings;
mod suite;
mod supervise;
mod terminal;
mod test;
mod token;
mod tour;

use std::process::ExitCode;

use clap::Parser;

/// The runtime has one thread, and it is the main one: children live as long as the thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match commands::dispatch(cli::Cli::parse().command).await {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(failure) => {
            terminal::say(format!("\n{} {failure}", terminal::paint(31, "failed:")));
            ExitCode::FAILURE
        }
    }
}
