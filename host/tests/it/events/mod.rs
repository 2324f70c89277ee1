//! Events: one suite that every bus has to pass, and what hosts do with them.
//!
//! | file | holds |
//! | --- | --- |
//! | `under_test` | what the suite needs of a bus, and its steps |
//! | `bus_suite` | what a bus promises: see `holm::events::bus` |
//! | `order_suite` | order by key, and what restarts and deaths do to it |
//! | `handlers` | a host for the suite, with handlers that do what a case says |
//! | `host_suite` | what a host makes of it: effects once, dead letters, replays |
//! | `embedded` | the embedded bus, under the suite, and what is its own |
//! | `nats` | the bus on NATS, under the suite |
//! | `live` | events between components of a running host |
//! | `tools` | the command line |

#[macro_use]
mod bus_suite;
#[macro_use]
mod host_suite;
#[macro_use]
mod order_suite;
mod embedded;
mod handlers;
pub(crate) mod live;
mod nats;
mod tools;
mod under_test;
