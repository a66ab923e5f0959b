//! The frame a service stands in: settings, server, calls, trust, refusals, telemetry and jobs.

mod approval;
mod audit_rpc;
pub mod auth;
mod background;
mod call;
mod caller;
pub mod client;
mod clock;
pub mod config;
mod door;
mod etag;
mod fault;
mod health;
mod jobs;
mod limit;
mod line;
mod operate;
mod outbox_rpc;
mod personal_rpc;
mod refusal;
mod run;
mod serve;
pub mod task;
pub mod telemetry;
pub mod trust;
mod upload;

pub use approval::{Approval, NotApproved, approve};
pub use call::{Reply, check, read, replay, write, write_with};
pub use caller::{Caller, Permissions, Principal, User};
pub use clock::Clock;
pub use door::{Door, DoorLayer};
pub use etag::{etag, expect_etag};
pub use fault::Fault;
pub use jobs::{Done, Job};
pub use operate::{Command, operate};
pub use personal_rpc::Personal;
pub use refusal::{Class, Refusal, refuse};
pub use run::{Service, run};
pub use serve::{App, rpcs};
pub use upload::{Parts, Received, receive};

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

pub use db::{Conn, Db, Tx};
pub use events::Heard;
