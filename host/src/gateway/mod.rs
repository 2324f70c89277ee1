//! The gateway: how requests from outside come in.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `bind` | may I listen there |
//! | `accept` | how do connections come in, and how does a drain lose none of their requests |
//! | `connection`, `socket` | what happens on one connection from accept to close |
//! | `activity`, `clock` | has it been doing that for too long |
//! | `limits` | every number, with its reason |
//! | `path`, `route` | which rule does a request belong to (pure) |
//! | `handle` | the life of one request, in order |
//! | `headers` | what a proxy takes away from a message and adds to it |
//! | `body_limit` | how large and how slow may a request's body be |
//! | `respond` | what does a client see of a fault |
//! | `access` | what is told of a request when it is over |

mod accept;
mod access;
mod activity;
mod bind;
mod body_limit;
mod clock;
mod connection;
mod handle;
mod headers;
mod limits;
mod path;
mod respond;
mod route;
mod socket;

pub use accept::{Door, Drained};
pub use access::{Access, AccessBody, Ending, Observer};
pub use bind::{BindError, bind};
pub use connection::Peer;
pub use handle::Gateway;
pub use limits::{Limits, Pace};
