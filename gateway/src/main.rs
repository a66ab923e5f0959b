//! The gateway's process: `serve` (default), or `openapi` and `routes`, which print what would be served.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    let result = match command.as_deref() {
        None | Some("serve") => gateway::run().await,
        Some("openapi") => gateway::openapi_text().map(|text| print(&text)),
        Some("routes") => gateway::routes_text().map(|text| print(&text)),
        Some(other) => Err(format!("{other} is no command; there are serve, openapi and routes")),
    };
    match result {
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

#[expect(clippy::print_stdout, reason = "the output is what was asked for")]
fn print(text: &str) {
    println!("{text}");
}
