//! The values that services pass to each other, and their types.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `shape` | what a type is, as a tree of our own; which types cannot leave their island |
//! | `signature` | what a function takes and gives |
//! | `text` | how a type is written down |
//! | `compare` | in what two functions differ, in words |
//! | `json`, `binary` | values to JSON or to bytes, and back |
//! | `size`, `budget` | how many bytes values take, and how much memory those of somebody else may |
//! | `fuel` | how much memory may a guest make the engine take for them |
//! | `mismatch` | a value that is not of its type |
//! | `path` | where in a value or a type something is |
//!
//! A [`Shape`] is made once, when a function is linked, and everything else works by it: the engine's own type is
//! a handle into a component's tables that is counted up and down at every step into it. Whoever has a shape knows,
//! too, that the type may cross, that it is not too deep to walk by recursion, and not too large to print.

mod binary;
mod budget;
mod compare;
mod fuel;
mod json;
mod mismatch;
mod path;
mod shape;
mod signature;
mod size;
mod text;

pub use binary::{Damage, DecodeError, decode, encode};
pub use budget::{Budget, MAX_MEMORY};
pub use compare::Difference;
pub use json::{ArgumentError, Problem, arguments_from_json, check_template, from_json, result_to_json, to_json};
pub use mismatch::Mismatch;
pub use path::{Path, Step};
pub use shape::{MAX_DEPTH, MAX_PARTS, Obstacle, Refusal, Shape};
pub use signature::{CannotCross, Signature};
pub use size::{MAX_SIZE, TooLarge, check_size, wire_size};
pub use wasmtime::component::Val;

#[cfg(test)]
mod tests;
