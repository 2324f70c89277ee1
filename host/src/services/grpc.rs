//! Which services answer over gRPC, and with what.

use std::collections::BTreeMap;
use std::sync::Arc;

use holm_registry::ServiceName;

use super::{DeployError, Table, lock, lookup};
use crate::grpc::{Pairing, Schema};
use crate::runtime::Revision;
use crate::runtime::value::Signature;

/// All that is answered over gRPC, by snapshot.
#[derive(Debug, Default)]
pub struct GrpcServices(BTreeMap<ServiceName, Answering>);

/// A service, and what it answers.
#[derive(Debug)]
pub struct Answering {
    /// Its methods.
    pub pairing: Arc<Pairing>,
    /// Which.
    revision: Arc<Revision>,
}

impl Answering {
    /// Whether it passes its probe.
    pub fn is_well(&self) -> bool {
        lock(self.revision.health()).trouble.is_none()
    }
}

impl GrpcServices {
    /// Those of a snapshot. What does not fit was refused when it was deployed.
    pub fn of(table: &Table) -> Self {
        let paired = |revision: &Arc<Revision>| match pairing(revision) {
            Ok(Some(pairing)) => {
                let answering = Answering { pairing: Arc::new(pairing), revision: Arc::clone(revision) };
                Some((revision.service().clone(), answering))
            }
            Ok(None) => None,
            Err(problems) => {
                tracing::error!(service = %revision.service(), ?problems, "it does not answer over gRPC");
                None
            }
        };
        Self(table.services.values().filter_map(paired).collect())
    }

    /// What a service answers.
    pub fn of_service(&self, service: &ServiceName) -> Option<&Answering> {
        self.0.get(service)
    }

    /// What is answered under a name of a proto file.
    pub fn named(&self, proto: &str) -> Option<&Answering> {
        self.all().find(|answering| answering.pairing.service == proto)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Answering> {
        self.0.values()
    }
}

/// Refuses a revision whose messages do not fit its types.
///
/// # Errors
/// Everything that does not fit, with its field.
pub(super) fn check(revision: &Revision) -> Result<(), DeployError> {
    pairing(revision).map(drop).map_err(|problems| {
        DeployError::Rejected(format!("{} cannot answer over gRPC: {}", revision.service(), problems.join("\n")))
    })
}

/// `None` for a service that does not answer over gRPC.
fn pairing(revision: &Revision) -> Result<Option<Pairing>, Vec<String>> {
    let Some(settings) = &revision.settings().grpc else { return Ok(None) };
    let one = |problem: String| vec![problem];
    let descriptors = settings.descriptors.as_deref();
    let descriptors =
        descriptors.ok_or_else(|| one("its proto file was not sent along; deploy its manifest again".to_owned()))?;
    let schema = Schema::decode(descriptors).map_err(|error| one(error.to_string()))?;
    let offer = revision.offer();
    let interface =
        lookup::interface(offer, &settings.interface.to_string()).map_err(|why| one(format!("it exports {why}")))?;
    let functions = offer.functions(interface);
    let functions: Vec<Arc<Signature>> =
        functions.filter_map(|(_, offered)| offered.signature.as_ref().ok().cloned()).collect();
    Pairing::new(schema, &settings.service, interface, &functions).map(Some)
}
