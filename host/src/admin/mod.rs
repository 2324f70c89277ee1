//! The admin API: deploy, look, roll back, remove, on its own listener.
//!
//! | file | question it answers |
//! | --- | --- |
//! | [`api`], `limits` | what travels, for server and client alike? |
//! | `problem` | how does a failure look? |
//! | `token`, `tokens`, `guard` | who may ask at all, and for what? |
//! | `audit` | who changed what? |
//! | `extract`, `upload` | how does a request become checked values? |
//! | `deploy`, `call`, `services`, `outside`, `components`, `logs`, `token_api`, `probes` | what does each path do? |
//! | `events`, `dead_letters`, `state`, `lines` | and those that show or change data? |
//! | `consul` | how do services that are not Wasm register, and find others? |
//! | `document` | what is true of every path in the OpenAPI document? |
//! | `server` | how do they become one router with its OpenAPI document, and a server? |
//! | [`client`] | how does `holm` on the command line ask all this? |

pub mod api;
mod audit;
mod call;
pub mod client;
mod components;
mod consul;
mod dead_letters;
mod deploy;
mod document;
mod events;
mod extract;
mod guard;
mod limits;
mod lines;
mod logs;
mod outside;
mod probes;
mod problem;
mod server;
mod services;
mod state;
mod token;
mod token_api;
mod tokens;
mod upload;

pub(crate) use audit::subjects;
pub use consul::{ConsulState, Listener, serve as serve_discovery};
pub use server::{AdminState, openapi, serve};
pub use token::{AdminToken, TokenError};
pub use tokens::{Scope, Tokens};
