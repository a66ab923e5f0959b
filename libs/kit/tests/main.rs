//! The frame around a service of nothing: what every service gets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod limit;
mod operate;
mod stand;
mod telemetry;
