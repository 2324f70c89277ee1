//! What the host tells about itself.
//!
//! | module | question it answers |
//! | --- | --- |
//! | [`init`] | where do the host's own log lines go, and which of them? |
//! | [`logs`] | what did the services write, lately and from now on? |
//! | [`metrics`] | how much, how fast, how often wrong? |
//! | `writer` | how does a slow terminal not slow the host? |

pub mod init;
pub mod logs;
pub mod metrics;
mod writer;
