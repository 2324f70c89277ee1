//! Which services answer over gRPC, and with what.

use std::collections::BTreeMap;
use std::sync::Arc;

use holm_registry::ServiceName;
use holm_registry::catalog::{FieldNumbers, ServiceRecord};
use holm_registry::settings::Settings;

use super::{DeployError, Table, lock, lookup};
use crate::grpc::{Pairing, Schema, compile_text, generate};
use crate::runtime::value::Signature;
use crate::runtime::{Offer, Revision};

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

/// What is made from the interface of a service that has no proto file: the file, and the numbers of all fields.
pub(super) struct Generated {
    pub(super) file: String,
    pub(super) numbers: FieldNumbers,
}

/// `None` for a service that has a file, or does not answer over gRPC.
///
/// # Errors
/// When it does not export the interface.
pub(super) fn generated(
    settings: &Settings,
    offer: &Offer,
    numbers: &FieldNumbers,
) -> Result<Option<Generated>, DeployError> {
    let Some(grpc) = settings.grpc.as_ref().filter(|grpc| grpc.is_generated()) else { return Ok(None) };
    let missing = |why| DeployError::Rejected(format!("it cannot answer over gRPC: it exports {why}"));
    let interface = lookup::interface(offer, &grpc.interface.to_string()).map_err(missing)?;
    let mut numbers = numbers.clone();
    let file = generate(&grpc.service, interface, &signatures(offer, interface), &mut numbers);
    Ok(Some(Generated { file, numbers }))
}

/// The file that was made for a live service, if one was.
pub(super) fn file(revision: &Revision, record: &ServiceRecord) -> Option<String> {
    let live = record.live_revision()?;
    Some(generated(&live.settings, revision.offer(), &record.numbers).ok()??.file)
}

/// The settings with the messages that its file means.
///
/// # Errors
/// When a name of the interface is none in a proto file.
pub(super) fn with_messages(mut settings: Settings, file: &str) -> Result<Settings, DeployError> {
    if let Some(grpc) = &mut settings.grpc {
        let name = format!("{}.proto", grpc.service.replace('.', "/"));
        let refused = |error| DeployError::Rejected(format!("no proto file can be made from its interface: {error}"));
        grpc.descriptors = Some(compile_text(&name, file).map_err(refused)?);
    }
    Ok(settings)
}

fn signatures(offer: &Offer, interface: &str) -> Vec<Arc<Signature>> {
    offer.functions(interface).filter_map(|(_, offered)| offered.signature.as_ref().ok().cloned()).collect()
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
    Pairing::new(schema, &settings.service, interface, &signatures(offer, interface)).map(Some)
}
