//! gRPC on the wire, whoever answers.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `dialect` | gRPC, or one of the two forms for browsers |
//! | `frame` | where does one message end and the next begin |
//! | `status` | how did it go, in gRPC's words |
//! | `answer` | what does the client get |
//! | `timeout` | how long does the client wait |
//! | `unary` | the one message of a request |
//! | `health`, `reflection` | what the gateway answers itself |
//! | `builtin` | which requests are those |
//!
//! What a function is called with, and what becomes of its answer, is the target's business:
//! `targets/grpc.rs`.

mod answer;
mod builtin;
mod dialect;
mod frame;
mod health;
mod reflection;
mod status;
mod timeout;
mod unary;

pub(super) use answer::{messages, refusal};
pub(super) use builtin::Builtin;
pub(super) use dialect::Dialect;
pub(super) use status::Status;
pub(super) use timeout::timeout;
pub(super) use unary::message;
