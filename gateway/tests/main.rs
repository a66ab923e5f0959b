//! The gateway against an upstream that answers with what it was asked.

mod door;
mod events;
mod grpc_web;
mod limits;
mod pages;
mod problem;
mod profile;
mod rest;
mod retry;
mod slow;
mod table;
mod till;
