//! `holm.toml`: the services of one app and how they are reached, as one file.
//!
//! Reading goes in three steps, and only the first two know where something stands in the text:
//!
//! | module | step |
//! | --- | --- |
//! | `section`, `env` | text to tables, key by key, with `${NAME}` filled in |
//! | `raw`, `calls`, `events`, `gateway`, `grpc`, `outside` | tables to what the user wrote, every value parsed |
//! | `check` | what the user wrote to a [`Manifest`], defaults filled in |
//! | `diagnostic` | what is wrong, where, and what to do |
//!
//! All problems are reported at once, except that nothing is read behind a syntax error.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use semver::Version;
use toml::de::DeTable;

use crate::digest::Digest;
use crate::discovery::external::External;
use crate::discovery::settings::DiscoverySettings;
use crate::event::nats::NatsSettings;
use crate::gateway::{DoorLimits, GatewaySettings, TlsSettings};
use crate::name::ServiceName;
use crate::route::RouteSpec;
use crate::settings::Settings;
use crate::signature::PublicKey;
use crate::units::ByteSize;

mod calls;
mod check;
mod diagnostic;
mod env;
mod events;
mod gateway;
mod grpc;
mod outside;
mod raw;
mod section;
#[cfg(test)]
mod tests;

pub use diagnostic::{Diagnostic, Diagnostics};

/// The app of a manifest that names none. Routes belong to an app: two manifests of one name
/// replace each other's routes.
pub const DEFAULT_APP: &str = "app";

/// A checked manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Who owns the routes.
    pub app: String,
    /// Where the gateway listens, if the manifest says so; a command-line flag wins.
    pub listen: Option<SocketAddr>,
    /// Where the admin API listens, if the manifest says so; a command-line flag wins.
    pub admin: Option<SocketAddr>,
    /// Where the gateway listens a second time, for clients that look for gRPC at a port of its own, if the
    /// manifest says so; a command-line flag wins.
    pub grpc: Option<SocketAddr>,
    /// Largest request body of routes that have no limit of their own.
    pub body_limit: Option<ByteSize>,
    /// `[deploy] require_signature`: a host with this manifest takes only components that one of
    /// these keys has signed. Empty: any.
    pub require_signature: Vec<PublicKey>,
    /// The broker that carries the events, its files below the manifest's folder. `None`: the host itself
    /// does; a command-line flag wins.
    pub nats: Option<NatsSettings>,
    /// All services.
    pub services: BTreeMap<ServiceName, ServiceSpec>,
    /// How services that are not Wasm are found.
    pub discovery: DiscoverySettings,
    /// Services that are not Wasm, none with the name of another or of a service.
    pub externals: Vec<External>,
    /// What the routes refer to by name.
    pub gateway: GatewaySettings,
    /// All routes, in the order of the file, without ties, each to one of the services.
    pub routes: Vec<RouteSpec>,
    /// How the gateway of a host that is started with this manifest speaks TLS; `None`: not at all.
    pub tls: Option<TlsSettings>,
    /// What one client may take of the gateway of such a host.
    pub limits: DoorLimits,
}

/// A service in a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceSpec {
    /// Where its component is.
    pub component: ComponentSource,
    /// Its version.
    pub version: Version,
    /// With every default filled in, and within bounds.
    pub settings: Settings,
}

/// Where a component is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentSource {
    /// In a file, relative to nothing but the working directory any more.
    Path(PathBuf),
    /// In the artifact store.
    Digest(Digest),
}

impl Manifest {
    /// Reads a manifest. `source_name` is what diagnostics call it, `base` the folder that
    /// component paths are relative to, `env` looks up variables for `${NAME}`. Reads no file.
    ///
    /// # Errors
    /// [`Diagnostics`] with everything that is wrong.
    pub fn parse(
        source_name: &str,
        text: &str,
        base: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Diagnostics> {
        let table = DeTable::parse(text).map_err(|error| syntax_error(source_name, text, &error))?;
        let reader = section::Reader::new(text, env);
        let raw = raw::manifest(section::Section::root(&reader, table.get_ref()));
        let manifest = check::Checker { reader: &reader, table: table.get_ref(), base }.check(raw);
        let found = reader.into_found();
        if found.is_empty() { Ok(manifest) } else { Err(Diagnostics::new(source_name, text, found)) }
    }
}

fn syntax_error(source_name: &str, text: &str, error: &toml::de::Error) -> Diagnostics {
    let span = error.span().unwrap_or(0..0);
    let message = format!("this is not TOML: {}", error.message());
    let help = "correct it here; the rest is checked once the file can be read".to_owned();
    Diagnostics::new(source_name, text, vec![Diagnostic::new(text, span, message, help)])
}
