fn main() -> std::process::ExitCode {
    kit::run::<accounts::Accounts>()
}
