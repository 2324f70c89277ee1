//! `[discovery]` of a manifest, and the flags that win over it.

use std::net::SocketAddr;

use super::balance::Balance;
use super::ranges::AllowList;
use crate::settings::Secret;

/// How the host discovers. Off by default in one sense only: nothing listens on a port of its own;
/// the admin API has the same paths, for tokens of scope `discovery`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiscoverySettings {
    /// A listener with nothing but discovery on it, as Consul's agent has on 8500.
    pub listen: Option<SocketAddr>,
    /// What that listener asks for; without it, whoever reaches the listener may register.
    pub token: Option<Secret>,
    /// Addresses that the host itself connects to: checks, and instances that requests go to.
    pub allow: AllowList,
    /// How requests are spread over the instances of one name.
    pub balance: Balance,
}
