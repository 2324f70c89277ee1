//! What a guest may import, one file per WIT interface.
//!
//! Every capability finds the invocation under way in the store's data, checks the grant,
//! checks the size and does the work. A refusal is an error value of the interface; a trap
//! means that the guest broke the contract.

pub mod caller;
pub mod config;
pub mod events;
pub mod keyvalue;
pub mod logging;
pub mod outgoing;
mod request_body;
pub mod stdio;
