//! The registry from outside: the store on both engines, and what a crash leaves of it.

mod common;
mod conformance;
mod crash;
mod faults;
mod model;
