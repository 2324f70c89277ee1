//! gRPC for functions: which message stands for which WIT type, and the bytes of it. Pure.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `schema` | which messages and services does a `.proto` file have |
//! | `names` | is this field that parameter |
//! | `pair` | which function is a method, and does its message fit its types, field by field |
//! | `generate` | what does a `.proto` file look like where none was written |
//! | `form` | what was found: a message as WIT sees it |
//! | `wire` | what stands in bytes, before anybody knows what it means |
//! | `decode`, `encode` | bytes to values and back, by form |
//!
//! A form is made once, when a revision is deployed, and values are read and written by it without
//! an object in between: the memory that a message takes is bounded by what a call may carry.

mod decode;
mod encode;
mod form;
mod generate;
mod names;
mod pair;
mod schema;
mod wire;

#[cfg(test)]
mod tests;

pub use decode::Wrong;
pub use generate::generate;
pub use pair::{Method, Pairing, Streaming};
pub use schema::{Schema, SchemaError, compile, compile_text};
pub use wire::{Damage, Fields, Raw, put_bytes, put_varint};
