//! What Holm tells about itself.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `random` | where ids come from |
//! | `trace` | which trace does this invocation belong to (W3C traceparent) |

pub mod random;
pub mod trace;
