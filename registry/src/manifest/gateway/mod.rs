//! `[gateway]`: rules, and what they share.
//!
//! | module | reads |
//! | --- | --- |
//! | `auth` | `[gateway.auth.NAME]` |
//! | `rate` | `[gateway.rate.NAME]` |
//! | `route` | `[[gateway.route]]` and `[gateway.defaults]` |
//! | `stages`, `policy` | their keys that are tables |
//! | `target` | who answers the requests of a rule |
//! | `compose` | one answer made of several |
//! | `tls` | `[gateway.tls]` |
//! | `check` | what of it fits together |

use toml::Spanned;

use super::section::Section;
use crate::discovery::ranges::IpRange;
use crate::gateway::{AuthSettings, DoorLimits, PartName, RateSettings, TlsSettings};
use crate::units::ByteSize;

mod auth;
mod check;
mod compose;
mod policy;
mod rate;
mod route;
mod stages;
mod target;
mod tls;

pub(super) use check::Gateway;
use policy::RawPolicy;
pub(super) use route::RawChain;
use route::RawRoute;

/// `[gateway]`
#[derive(Default)]
pub(super) struct RawGateway {
    body_limit: Option<ByteSize>,
    auth: Vec<Spanned<(PartName, AuthSettings)>>,
    rate: Vec<Spanned<(PartName, RateSettings)>>,
    trusted_proxies: Vec<IpRange>,
    defaults: (RawChain, RawPolicy),
    routes: Vec<RawRoute>,
    tls: Option<TlsSettings>,
    limits: Option<Spanned<DoorLimits>>,
}

impl RawGateway {
    /// Reads all of it.
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let schemes = section.named_sections("auth", "{ jwt = { secret = \"${JWT_SECRET}\" } }");
        let limits = section.named_sections("rate", "{ default = { requests = 100, per = \"15m\" } }");
        let routes = section.sections("route", "[{ path = \"/users/{*rest}\", service = \"users\" }]");
        let defaults = section.section("defaults", "{ auth = \"jwt\" }").map(route::defaults);
        let body_limit = section.size("body_limit");
        let trusted_proxies = section.list("trusted_proxies", "[\"10.0.0.0/8\"]", str::parse).unwrap_or_default();
        let tls = section.section("tls", "{ certificate = \"cert.pem\", key = \"key.pem\" }").and_then(tls::tls);
        let span = section.key_span("limits");
        let door =
            section.section("limits", "{ connections = 10000 }").map(|inner| Spanned::new(span, door_limits(inner)));
        section.finish();
        Self {
            body_limit,
            auth: schemes.into_iter().filter_map(|(name, section)| auth::scheme(name, section)).collect(),
            rate: limits.into_iter().filter_map(|(name, section)| rate::rate(name, section)).collect(),
            trusted_proxies,
            defaults: defaults.unwrap_or_default(),
            routes: routes.into_iter().map(route::route).collect(),
            tls,
            limits: door,
        }
    }
}

/// `[gateway.limits]`
fn door_limits(mut section: Section<'_>) -> DoorLimits {
    let found = DoorLimits {
        connections: section.count("connections"),
        connections_per_client: section.count("connections_per_client"),
        requests_per_connection: section.count("requests_per_connection"),
        header_timeout: section.duration("header_timeout"),
        idle_timeout: section.duration("idle_timeout"),
        write_timeout: section.duration("write_timeout"),
        websocket_timeout: section.duration("websocket_timeout"),
    };
    section.finish();
    found
}

/// The name of a part that a manifest gives in `[gateway.KIND.NAME]`.
fn part_name(name: &Spanned<&str>, section: &Section<'_>) -> Option<PartName> {
    match name.get_ref().parse() {
        Ok(name) => Some(name),
        Err(error) => {
            let error: crate::gateway::name::PartNameError = error;
            section.report(name.span(), error.to_string(), "choose another name".to_owned());
            None
        }
    }
}
