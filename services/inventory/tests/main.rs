//! The inventory service through its own door.

mod catalogue;
mod frame;
mod history;
mod reasons;
mod reservations;
mod sales;
mod seed;
mod shop;
mod stock;
mod sweep;
