//! The gateway against an upstream that answers with what it was asked.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod cookie;
mod door;
mod events;
mod files;
mod grpc_web;
mod limits;
mod pages;
mod problem;
mod profile;
mod rest;
mod retry;
mod shop;
mod slow;
mod table;
mod till;
