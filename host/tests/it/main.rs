//! Holm from the outside: real sockets, real processes, real components.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod cli;
mod door;
mod gateway;
mod gateway_drain;
mod gateway_hostile;
mod process;
