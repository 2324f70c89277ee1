//! The admin API: deploy, look, roll back, remove, on its own listener.
//!
//! | file | question it answers |
//! | --- | --- |
//! | [`api`] | what travels, for server and client alike? |
//! | `problem` | how does a failure look? |
//! | `token`, `guard` | who may ask at all? |
//! | `audit` | who changed what? |
//! | `extract`, `upload` | how does a request become checked values? |
//! | `deploy`, `services`, `components`, `logs`, `probes` | what does each path do? |
//! | `server` | how do they become one router with its OpenAPI document, and a server? |
//! | [`client`] | how does `holm` on the command line ask all this? |

pub mod api;
mod audit;
pub mod client;
mod components;
mod deploy;
mod extract;
mod guard;
mod logs;
mod probes;
mod problem;
mod server;
mod services;
mod token;
mod upload;

pub(crate) use audit::subjects;
pub use server::{AdminState, openapi, serve};
pub use token::{AdminToken, TokenError};
