//! pos, through gRPC, on a real database.

mod counter;
mod drawers;
mod faults;
mod frame;
mod sales;
