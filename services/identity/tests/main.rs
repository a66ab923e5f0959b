//! identity, through its door.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod access;
mod api_key;
mod approval;
mod change;
mod forged;
mod invitation;
mod last_admin;
mod location;
mod password;
mod pin;
mod portal;
mod portal_histories;
mod reasons;
mod refresh;
mod reset;
mod role;
mod second_factor;
mod seed;
mod session;
mod shop;
mod sign_in;
mod signing_key;
mod staff;
mod trust;
mod user;
