//! pos, through gRPC, on a real database.

mod approvals;
mod blame;
mod counter;
mod drawers;
mod faults;
mod frame;
mod identity_away;
mod merged;
mod sales;
mod twice;
