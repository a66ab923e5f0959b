//! The identity service.

fn main() -> std::process::ExitCode {
    kit::run::<identity::Identity>()
}
