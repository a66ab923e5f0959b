//! identity, through its door.

mod forged;
mod location;
mod reasons;
mod refresh;
mod role;
mod seed;
mod session;
mod shop;
mod sign_in;
mod staff;
mod trust;
mod user;
