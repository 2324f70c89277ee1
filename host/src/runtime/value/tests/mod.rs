//! Tests of values on types that the engine has made.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `component` | a component with a function of any type |
//! | `random` | any type, and any value of it |
//! | `types` | is a shape what the engine knows, who is refused, how differences read |

mod component;
mod random;
mod types;
