//! Between islands, and off them: the implementation of [`Outbound`](crate::runtime::Outbound).
//!
//! | file | question it answers |
//! | --- | --- |
//! | `outgoing` | how does a granted HTTP request reach the outside |
//! | [`policy`] | is a call made, how long, how often, and what is learnt of its target |

mod outgoing;
pub mod policy;

pub use outgoing::OutgoingHttp;
