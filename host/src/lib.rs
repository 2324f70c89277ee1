//! Holm, a host for microservices built as WebAssembly components.
//!
//! The map of this crate and the rules that hold between its parts stand in ARCHITECTURE.md.

pub mod admin;
pub mod body;
pub mod config;
pub mod fault;
pub mod services;
pub mod telemetry;
