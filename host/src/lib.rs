//! Holm, a host for microservices built as WebAssembly components.
//!
//! The map of this crate and the rules that hold between its parts stand in ARCHITECTURE.md.

pub mod admin;
pub mod app;
pub mod audit;
pub mod body;
pub mod cli;
pub mod config;
pub mod discovery;
pub mod events;
pub mod fault;
pub mod gateway;
pub mod grpc;
pub mod hop_by_hop;
pub mod identity;
pub mod mesh;
mod private_file;
pub mod runtime;
pub mod services;
pub mod shutdown;
pub mod signing;
pub mod state;
pub mod telemetry;
