//! The host of Holm.

pub mod body;
pub mod fault;
pub mod gateway;
pub mod services;
pub mod shutdown;
pub mod telemetry;
