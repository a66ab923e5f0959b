fn main() -> std::process::ExitCode {
    kit::run::<inventory::Inventory>()
}
