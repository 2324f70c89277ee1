//! Between islands, and off them: the implementation of [`Outbound`](crate::runtime::Outbound).
//!
//! | file | question it answers |
//! | --- | --- |
//! | `outgoing` | how does a granted HTTP request reach the outside |

mod outgoing;

pub use outgoing::{Lookup, OutgoingHttp, system_lookup};
