//! What the catalog keeps, and how: one JSON record each, with a format number.
//!
//! ```text
//! service/<name>          ServiceRecord
//! routes/app/<name>       AppRecord of a manifest
//! routes/service/<name>   AppRecord of a service deployed without one
//! history/<20 digits>     HistoryEntry
//! ```

use semver::Version;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::FieldNumbers;
use crate::digest::Digest;
use crate::discovery::external::External;
use crate::gateway::GatewaySettings;
use crate::name::ServiceName;
use crate::route::{Origin, RouteSpec};
use crate::settings::Settings;
use crate::signature::Signature;
use crate::store::Key;

/// The format of the records below. A record of a higher one is left alone.
const FORMAT: u32 = 1;

pub(super) const SERVICES: &str = "service/";
pub(super) const ROUTES: &str = "routes/";
pub(super) const HISTORY: &str = "history/";

/// One immutable deployment of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RevisionRecord {
    /// Counts the service's deployments from 1; never used twice.
    pub number: u32,
    /// What the deployer calls it.
    pub version: Version,
    /// The component's bytes.
    pub digest: Digest,
    /// Everything it was deployed with.
    pub settings: Settings,
    /// Milliseconds since 1970.
    pub created_at: u64,
    /// Who vouched for the component, so that it can go live again where that is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
}

/// A service with the revisions it can go back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceRecord {
    /// The service's name.
    pub name: ServiceName,
    /// The revision that answers.
    pub live: Option<u32>,
    /// The number of the next deployment.
    pub next: u32,
    /// In the order of their numbers.
    pub revisions: Vec<RevisionRecord>,
    /// The fields of messages that were made from its WIT interface, of all its revisions.
    #[serde(default, skip_serializing_if = "FieldNumbers::is_empty")]
    pub numbers: FieldNumbers,
}

/// What a revision is for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RevisionState {
    /// It answers.
    Live,
    /// It can be gone back to.
    Kept,
}

/// The routes that were deployed together, with the services that came with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppRecord {
    /// The manifest, or the service that was deployed without one.
    pub origin: Origin,
    /// Its gateway rules.
    pub routes: Vec<RouteSpec>,
    /// Its services.
    pub services: Vec<ServiceName>,
    /// Its services that are not Wasm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub externals: Vec<External>,
    /// What its rules refer to by name.
    #[serde(default, skip_serializing_if = "GatewaySettings::is_empty")]
    pub gateway: GatewaySettings,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A new revision went live.
    Deploy,
    /// An older or newer kept revision went live.
    Rollback,
    /// The service was taken away.
    Remove,
    /// The routes of a manifest or service changed.
    Routes,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Milliseconds since 1970.
    pub at: u64,
    /// Counts the entries from 1.
    pub sequence: u64,
    /// What was done.
    pub action: Action,
    /// The service, or for routes the manifest or service that owns them.
    pub service: String,
    /// The revision that went live.
    pub revision: Option<u32>,
    /// Its version.
    pub version: Option<Version>,
    /// Its bytes.
    pub digest: Option<Digest>,
}

impl ServiceRecord {
    /// A service before its first deployment.
    pub fn new(name: ServiceName) -> Self {
        Self { name, live: None, next: 1, revisions: Vec::new(), numbers: FieldNumbers::default() }
    }

    /// A revision by its number.
    pub fn revision(&self, number: u32) -> Option<&RevisionRecord> {
        self.revisions.iter().find(|revision| revision.number == number)
    }

    /// The revision that answers.
    pub fn live_revision(&self) -> Option<&RevisionRecord> {
        self.revision(self.live?)
    }

    /// What a revision is for. `None`: there is no such revision.
    pub fn state(&self, number: u32) -> Option<RevisionState> {
        self.revision(number)?;
        Some(if self.live == Some(number) { RevisionState::Live } else { RevisionState::Kept })
    }
}

pub(super) fn service_key(name: &ServiceName) -> Key {
    Key::catalog(&format!("{SERVICES}{name}"))
}

pub(super) fn routes_key(origin: &Origin) -> Key {
    Key::catalog(&match origin {
        Origin::Manifest(name) => format!("{ROUTES}app/{name}"),
        Origin::Service(name) => format!("{ROUTES}service/{name}"),
    })
}

pub(super) fn history_key(sequence: u64) -> Key {
    Key::catalog(&format!("{HISTORY}{sequence:020}"))
}

#[derive(Serialize)]
struct Stored<'a, T> {
    format: u32,
    #[serde(flatten)]
    record: &'a T,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

pub(super) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Stored { format: FORMAT, record })
}

/// The record, or why it cannot be read.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let Format { format } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if format > FORMAT {
        return Err(format!("it has format {format}, and this version of Holm reads up to {FORMAT}"));
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}
