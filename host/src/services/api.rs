//! What the doors and the admin API may ask for, and what they get.

use std::time::Duration;

use bytes::Bytes;
use holm_registry::discovery::external::External;
use holm_registry::gateway::GatewaySettings;
use holm_registry::route::RouteSpec;
use holm_registry::settings::{Isolation, Settings};
use holm_registry::signature::Signature;
use holm_registry::{Digest, ServiceName};
use semver::Version;

use super::callers::CallLine;
pub use crate::runtime::{EventEntry, Handled, HttpEntry, ImportLine, Inspection, LimitLine, Lineage};

/// Where the component of a deployment comes from.
#[derive(Clone, Debug)]
pub enum DeployComponent {
    /// Uploaded with the request.
    Bytes(Bytes),
    /// Already in the artifact store.
    Stored(Digest),
}

/// With which settings a service is deployed.
#[derive(Clone, Debug)]
pub enum DeploySettings {
    /// With these, as a manifest says them.
    Given(Box<Settings>),
    /// With those of its live revision, so that who swaps a component in does not take away what the service was
    /// granted and subscribes to. A service that is not live has the defaults.
    Kept {
        /// How long an instance lives, in place of what is kept.
        isolation: Option<Isolation>,
    },
}

/// One service of a deployment.
#[derive(Clone, Debug)]
pub struct DeployOne {
    /// Which service.
    pub name: ServiceName,
    /// Its version.
    pub version: Version,
    /// Its component.
    pub component: DeployComponent,
    /// What it is deployed with.
    pub settings: DeploySettings,
    /// Who vouches for the component, if somebody does.
    pub signature: Option<Signature>,
}

/// What is validated and swapped as one set.
#[derive(Clone, Debug)]
pub struct DeploySet {
    /// The services to deploy.
    pub services: Vec<DeployOne>,
    /// What replaces all that this app had. `None`: no app changes, and a service without any
    /// rule gets its default one.
    pub app: Option<AppSet>,
    /// Also when it takes from a live caller what it calls.
    pub force: bool,
}

/// What a manifest says beside its services.
#[derive(Clone, Debug, Default)]
pub struct AppSet {
    /// The app's name.
    pub name: String,
    /// All its gateway rules.
    pub routes: Vec<RouteSpec>,
    /// All its services that are not Wasm.
    pub externals: Vec<External>,
    /// What its rules refer to by name.
    pub gateway: GatewaySettings,
}

/// Which revision answered, as an extension of its response.
#[derive(Clone, Copy, Debug)]
pub struct ServedBy(pub u32);

/// What one service of a deployment became.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// Which service.
    pub service: ServiceName,
    /// The revision that is live now.
    pub revision: u32,
    /// Its version.
    pub version: Version,
    /// Its digest.
    pub digest: Digest,
    /// The isolation chosen: `reuse` or `invocation`.
    pub isolation: &'static str,
    /// `false`: digest and settings were those of the live revision, nothing was swapped.
    pub changed: bool,
    /// How long it took, compiling included.
    pub took: Duration,
    /// The revision whose settings it was given without being asked for: those of a manifest, say.
    pub settings_of: Option<u32>,
    /// The rules that lead to it now.
    pub routes: Vec<String>,
    /// What is probably a mistake.
    pub warnings: Vec<String>,
}

/// One line of `holm services`.
#[derive(Clone, Debug)]
pub struct ServiceStatus {
    /// Which service.
    pub service: ServiceName,
    /// The live revision.
    pub revision: u32,
    /// Its version.
    pub version: Version,
    /// Its digest.
    pub digest: Digest,
    /// `live`; `unhealthy` when it serves and does not pass its probe; `failed` when it could not
    /// be brought back after a restart.
    pub state: &'static str,
    /// Why it is `failed` or `unhealthy`.
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
    pub breakers: Vec<CallLine>,
}

/// One line of `holm revisions S`.
#[derive(Clone, Debug)]
pub struct RevisionStatus {
    /// Counts up from 1.
    pub revision: u32,
    /// Its version.
    pub version: Version,
    /// Its digest.
    pub digest: Digest,
    /// Milliseconds since 1970.
    pub created_at: u64,
    /// `live`, `draining` or `kept`.
    pub state: &'static str,
}

/// A live service, looked at.
#[derive(Clone, Debug)]
pub struct ServiceInspection {
    /// Its component, with the isolation that the service has.
    pub component: Inspection,
    /// How it does; `None` when it has just been removed.
    pub status: Option<ServiceStatus>,
    /// Its settings.
    pub settings: Settings,
    /// Its limits, with what was counted; none while it does not run.
    pub limits: Vec<LimitLine>,
    /// The proto file that was made from its interface, if one was.
    pub proto: Option<String>,
}

/// Why a deployment, rollback or removal did not happen. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The component, its settings or its routes are wrong; the text says what to do.
    #[error("{0}")]
    Rejected(String),
    /// Nobody vouches for the component whom this host trusts.
    #[error("{0}")]
    Unsigned(String),
    /// The component is larger than the host takes.
    #[error("{0}")]
    TooLarge(String),
    /// The name, version or route is taken by something else.
    #[error("{0}")]
    Taken(String),
    /// There is no such service or revision.
    #[error("{0}")]
    NotFound(String),
    /// The new revision did not start or did not pass its probe; the old one serves on.
    #[error("{0}")]
    Unhealthy(String),
    /// The disk is full.
    #[error("{0}")]
    DiskFull(String),
    /// The host failed.
    #[error("{0}")]
    Host(String),
}
