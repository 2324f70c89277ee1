//! State of services: what one invocation reads and writes, as one unit.

mod unit;

pub use unit::{Page, Refused, Staged, UnitOfWork};
