use std::process::ExitCode;

fn main() -> ExitCode {
    kit::run::<ledger::Ledger>()
}
