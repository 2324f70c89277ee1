//! The bus on real NATS servers, an old and a current one.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `setup` | what does Holm make on a server, and what does it refuse? |
//! | `consumers` | what does it make of consumers, and of messages of others? |
//! | `delivery` | is everything delivered, in order, and settled for good? |
//! | `traps` | what if the server, or the client library, does less than it seems? |
//! | `outages` | what if the server is killed or paused, or the network is bad? |
//! | `order` | what if a connection is lost while events of a key are on their way? |
//! | `cluster` | what if servers of a cluster are killed? |
//! | `logins` | how is a host let in? |
//! | `hosts` | what do services on a whole host notice of all this? |
//! | `server`, `proxy`, `rig` | a server, a bad network, a host without services |

mod cluster;
mod consumers;
mod delivery;
pub(crate) mod hosts;
mod logins;
mod order;
mod outages;
pub(crate) mod proxy;
pub(crate) mod rig;
pub(crate) mod server;
mod setup;
mod traps;
