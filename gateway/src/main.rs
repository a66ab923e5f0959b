//! The gateway's process.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match gateway::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Telemetry may not have begun.
            #[expect(clippy::print_stderr, reason = "the last word of a process that cannot start")]
            {
                eprintln!("gateway: {error}");
            }
            ExitCode::FAILURE
        }
    }
}
