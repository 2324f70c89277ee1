//! Holm: a host for microservices built as WebAssembly components.

pub mod body;
pub mod fault;
pub mod gateway;
pub mod mesh;
pub mod runtime;
pub mod services;
pub mod shutdown;
pub mod state;
pub mod telemetry;
