//! What the services of the shop share. It saves typing and hides nothing: the WASI interfaces are one
//! `use` away, and every type of theirs that appears here is the generated one.
//!
//! - [`bindings`]: the interfaces of `/wit` as Rust, generated in the open
//! - [`route`]: a table of method, path and handler, and the choice among its rows (pure)
//! - [`http`]: the request that a handler gets and the response that it returns (pure)
//! - [`problem`]: errors as JSON, after RFC 9457 (pure)
//! - [`serve`](serve()): between `wasi:http/incoming-handler` and the route table
//! - [`kv`]: JSON values in a `wasi:keyvalue` bucket
//! - [`events`]: events as JSON, and a table of subject and handler
//! - [`page`]: lists too long for one answer
//! - [`config`], [`log`], [`clock`], [`id`]: a setting, a log line, the time, a new id

pub mod bindings;
pub mod clock;
pub mod config;
pub mod events;
pub mod http;
pub mod id;
pub mod kv;
pub mod log;
pub mod page;
pub mod problem;
pub mod route;
mod serve;

pub use http::{Request, Response};
pub use problem::Problem;
pub use route::Route;
pub use serve::serve;
