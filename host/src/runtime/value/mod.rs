//! The values that services pass to each other.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `size` | how many bytes values take |

mod size;

pub use size::{MAX_SIZE, TooLarge, check_size, wire_size};
pub use wasmtime::component::Val;
