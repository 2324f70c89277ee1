//! Holm from the outside: what needs a process, sockets or files, but no component.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod cli;
mod process;
