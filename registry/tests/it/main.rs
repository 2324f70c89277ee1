//! The registry from outside: the store on both engines, and what a crash leaves of it.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod catalog;
mod common;
mod conformance;
mod crash;
mod damage;
mod disk_errors;
mod disk_full;
mod events;
mod faults;
mod model;
mod power;
mod witness;
