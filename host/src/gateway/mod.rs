//! The gateway: how requests from outside come in.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `bind` | may I listen there |
//! | `accept` | how do connections come in, and how does a drain lose none of their requests |
//! | `connection`, `socket` | what happens on one connection from accept to close |
//! | `tls`, `transport` | which certificate is shown, and what are the bytes of a connection |
//! | `upgrade` | how does a connection go on as a WebSocket |
//! | `activity`, `clock` | has it been doing that for too long |
//! | `limits` | every number, with its reason |
//! | `named_error` | what does the error of a function mean to its caller (pure) |
//! | `rule`, `shared` | what do the stages of a rule need, and what do rules share |
//! | `origin` | where does a request come from (pure) |
//! | `auth` | who asks, and may they |
//! | `rate` | how often may they |
//! | `cors`, `compress` | which pages may ask, and how small are answers |
//! | `guard` | is a target asked, how often, and who answers in its place |
//! | `publish` | what do requests find, and how is it replaced |
//! | `handle`, `reply` | the life of one request, in order, and the end of its answer |
//! | `targets`, `behind` | who answers, by the kind of target, and what stands behind them all |
//! | `grpc` | gRPC on the wire |
//! | `openapi` | how are functions described for those who write clients (pure) |
//! | `headers` | what a proxy takes away from a message and adds to it |
//! | `body_limit` | how large and how slow may a request's body be |
//! | `respond` | what does a client see of a fault |
//! | `access` | what is told of a request when it is over |

mod accept;
mod access;
mod activity;
mod auth;
mod behind;
mod bind;
mod body_limit;
mod clock;
mod compress;
mod connection;
mod cors;
mod grpc;
mod guard;
mod handle;
mod headers;
mod limits;
mod named_error;
mod openapi;
mod origin;
mod publish;
mod rate;
mod reply;
mod respond;
mod rule;
mod shared;
mod socket;
mod targets;
mod tls;
mod transport;
mod upgrade;

pub use accept::{Door, Drained};
pub use access::{Access, AccessBody, Ending, Observer};
pub use behind::{Answer, Behind};
pub use bind::{BindError, bind};
pub use connection::Peer;
pub use limits::{Limits, Pace};
pub use publish::Gateway;
pub use shared::check as check_settings;
pub use tls::{Tls, TlsError};
