//! What travels between the admin API and its clients. Server and command line use the same
//! types, so they cannot drift apart; times are RFC 3339 here and milliseconds inside.

mod call;
mod calls;
mod events;
mod outside;
mod state;
mod token;

pub use call::{Call, CallResult, Function};
pub use calls::CallLine;
pub use events::{Consumer, DeadLetterLine, EventLine, Payload, PublishEvent, Published, Stream};
pub use outside::{OutsideCheck, OutsideInstance, OutsideService};
pub use state::{Imported, StateKey, StateRecord};
pub use token::{MakeToken, NewToken, Token};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holm_registry::discovery::external::External;
use holm_registry::gateway::GatewaySettings;
use holm_registry::route::RouteSpec;
use holm_registry::settings::{Isolation, Secret, Settings};
use holm_registry::signature::Signature;
use holm_registry::{Digest, ServiceName};
use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::limits::Limit;
use crate::services;
use crate::telemetry::logs::{self, LogLevel, LogSource};

/// A live service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Service {
    /// Its name.
    #[schema(value_type = String)]
    pub service: ServiceName,
    /// The live revision.
    pub revision: u32,
    /// Its semantic version.
    #[schema(value_type = String)]
    pub version: Version,
    /// `sha256:…` of its component.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// `live`; `unhealthy` when it serves and does not pass its probe; `failed` when it could not be
    /// brought back after a restart.
    pub state: String,
    /// Why it is `failed` or `unhealthy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Living instances, idle ones included.
    pub instances: u64,
    /// Invocations under way.
    pub in_flight: u64,
    /// Invocations since the host started.
    pub requests: u64,
    /// Invocations that ended in a fault since the host started.
    pub faults: u64,
    /// Its calls whose breaker is not closed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakers: Vec<CallLine>,
}

/// A revision that is live or kept.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    /// Counts up from 1.
    pub revision: u32,
    /// Its semantic version.
    #[schema(value_type = String)]
    pub version: Version,
    /// `sha256:…` of its component.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// `live`, `draining` or `kept`.
    pub state: String,
}

/// What a deployment or a rollback made of one service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Deployed {
    /// Which service.
    #[schema(value_type = String)]
    pub service: ServiceName,
    /// The revision that is live now.
    pub revision: u32,
    /// Its semantic version.
    #[schema(value_type = String)]
    pub version: Version,
    /// `sha256:…` of its component.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// `reuse` or `invocation`.
    pub isolation: String,
    /// `false`: this was live already, with the same settings.
    pub changed: bool,
    /// Milliseconds that it took, compiling included.
    pub took_ms: u64,
    /// The revision whose settings it kept, when it was deployed without any and those are not the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_of: Option<u32>,
    /// The gateway rules that lead to it now.
    pub routes: Vec<String>,
    /// What is probably a mistake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Services and routes that are validated and go live as one set.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The app whose gateway rules are replaced by `routes`. Without it no rules change, and a
    /// service without any rule gets `/NAME/{*rest}`.
    #[serde(default)]
    pub app: Option<String>,
    /// The services.
    pub services: Vec<PlannedService>,
    /// All gateway rules of the app.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub routes: Vec<RouteSpec>,
    /// All services of the app that are not Wasm.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub externals: Vec<External>,
    /// What the gateway rules refer to by name: authentication schemes, rate limits.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub gateway: GatewaySettings,
    /// Also when it takes from a live service what that calls.
    #[serde(default)]
    pub force: bool,
}

/// One service of a [`Plan`].
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedService {
    /// Its name.
    #[schema(value_type = String)]
    pub name: ServiceName,
    /// Its semantic version.
    #[schema(value_type = String)]
    pub version: Version,
    /// `sha256:…` of its component: a part of the same request, or on the host already.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// As in a manifest's `[service.NAME]`, without `component` and `version`. Without it the service keeps those
    /// of its live revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Settings>,
    /// In place of the isolation that it would have: `reuse` or `invocation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub isolation: Option<Isolation>,
    /// Who vouches for the component: `ed25519:KEY:SIGNATURE`, as `holm keys sign` writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub signature: Option<Signature>,
}

/// Which revision to go back to.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// A kept revision; without it, the one that was live before.
    #[serde(default)]
    pub to: Option<u32>,
}

/// What a component needs and offers.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Inspection {
    /// `sha256:…`.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// What it imports, and who provides that here.
    pub imports: Vec<Import>,
    /// What it exports.
    pub exports: Vec<String>,
    /// The isolation that it gets unless its settings say otherwise: `reuse` or `invocation`.
    pub isolation: String,
    /// The service that it was asked for, when it was asked by a service's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// The settings of that service; secrets are hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Settings>,
    /// The limits of that service, while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// The proto file that was made from the interface of that service, if it answers over gRPC and has no file of its
    /// own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proto: Option<String>,
}

/// One import of a component.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Import {
    /// Its exact name.
    pub name: String,
    /// `host`, `nobody`, or the live services that export it.
    pub provided_by: String,
    /// When nobody provides it: the nearest name that somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

/// One line of a service's log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// RFC 3339, UTC.
    pub at: String,
    /// Whose line.
    #[schema(value_type = String)]
    pub service: ServiceName,
    /// Of which revision.
    pub revision: u32,
    /// How important.
    pub level: LogLevel,
    /// Which way it came.
    pub source: LogSource,
    /// What `wasi:logging` was given as its context.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context: String,
    /// The text.
    pub message: String,
}

/// Lines that a follower of the log was too slow for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct LostLines {
    /// How many.
    pub lost: u64,
}

/// A failure, as in RFC 9457.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:holm:problem:CODE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Why, and what to do.
    pub detail: String,
    /// For programs: the last word of `type`.
    pub code: String,
}

impl From<services::ServiceStatus> for Service {
    fn from(status: services::ServiceStatus) -> Self {
        let services::ServiceStatus { service, revision, version, digest, reason, .. } = status;
        let services::ServiceStatus { instances, in_flight, requests, faults, .. } = status;
        let state = status.state.to_owned();
        let breakers = status.breakers.into_iter().map(CallLine::from).collect();
        Self { service, revision, version, digest, state, reason, instances, in_flight, requests, faults, breakers }
    }
}

impl From<services::RevisionStatus> for Revision {
    fn from(status: services::RevisionStatus) -> Self {
        let services::RevisionStatus { revision, version, digest, created_at, state } = status;
        Self { revision, version, digest, created_at: rfc3339(created_at), state: state.to_owned() }
    }
}

impl From<services::Deployed> for Deployed {
    fn from(deployed: services::Deployed) -> Self {
        let services::Deployed { service, revision, version, digest, isolation, changed, .. } = deployed;
        let services::Deployed { took, settings_of, routes, warnings, .. } = deployed;
        let (isolation, took_ms) = (isolation.to_owned(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        Self { service, revision, version, digest, isolation, changed, took_ms, settings_of, routes, warnings }
    }
}

impl From<services::Inspection> for Inspection {
    fn from(inspection: services::Inspection) -> Self {
        let services::Inspection { digest, size, imports, exports, isolation } = inspection;
        let imports = imports.into_iter().map(Import::from).collect();
        let isolation = isolation.to_owned();
        Self {
            digest,
            size,
            imports,
            exports,
            isolation,
            service: None,
            settings: None,
            limits: Vec::new(),
            proto: None,
        }
    }
}

impl From<services::ServiceInspection> for Inspection {
    fn from(inspection: services::ServiceInspection) -> Self {
        let services::ServiceInspection { component, status, settings, limits, proto } = inspection;
        let (service, settings) = (status.map(Service::from), Some(without_secrets(settings)));
        let limits = limits.into_iter().map(Limit::from).collect();
        Self { service, settings, limits, proto, ..component.into() }
    }
}

impl From<services::ImportLine> for Import {
    fn from(line: services::ImportLine) -> Self {
        Self { name: line.name, provided_by: line.provided_by, nearest: line.nearest }
    }
}

impl From<&logs::LogLine> for LogLine {
    fn from(line: &logs::LogLine) -> Self {
        Self {
            at: rfc3339(line.at),
            service: line.service.clone(),
            revision: line.revision,
            level: line.level,
            source: line.source,
            context: line.context.clone(),
            message: line.message.clone(),
        }
    }
}

/// What stands for a secret where settings are shown.
pub const HIDDEN: &str = "(hidden)";

/// The same settings with every secret's value replaced: they are for the guest alone, never shown.
pub fn without_secrets(mut settings: Settings) -> Settings {
    for value in settings.grants.secrets.values_mut() {
        *value = Secret::new(HIDDEN);
    }
    settings
}

/// Milliseconds since 1970 as RFC 3339 in UTC.
pub fn rfc3339(millis: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(millis)).to_string()
}

/// The instant that an RFC 3339 text names.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_by_inspect() {
        let mut settings = Settings::default();
        settings.grants.secrets.insert("DB_TOKEN".to_owned(), Secret::new("hunter2"));
        let shown = serde_json::to_string(&without_secrets(settings)).unwrap();
        assert!(shown.contains("DB_TOKEN") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_misspelt_key_of_a_plan_is_ignored() {
        let error = serde_json::from_str::<Plan>(r#"{"services": [], "route": []}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `route`"), "{error}");
    }

    #[test]
    fn times_lose_their_zone() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(
            parse_rfc3339("2023-11-14T22:13:20.123Z"),
            Some(UNIX_EPOCH + Duration::from_millis(1_700_000_000_123))
        );
    }
}
