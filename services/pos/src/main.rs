fn main() -> std::process::ExitCode {
    kit::run::<pos::Pos>()
}
