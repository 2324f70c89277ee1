//! Which service answers an import of another, and who would lose what by a change.
//!
//! A link is by service: the provider may be swapped under its callers, as long as what they call is
//! still there with the same types.

use std::collections::BTreeMap;
use std::sync::Arc;

use holm_registry::ServiceName;
use holm_registry::settings::{CallTarget, Settings};

use super::{DeployError, Table};
use crate::runtime::{Bound, Interface, Loaded, Offer, Revision};

/// What services offer: those of the set that is being deployed, and those that are live. Holding it keeps
/// their components loaded, so that linking them loads nothing again.
pub(super) struct Offers {
    known: BTreeMap<ServiceName, Arc<Loaded>>,
    /// Whether there may be more services than these.
    rest: Rest,
}

/// What is true of a service that is not among those that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// There is none.
    None,
    /// Nobody knows here what it offers.
    Unknown,
}

impl Offers {
    /// The live ones, and over them those of a set.
    pub(super) fn new(table: &Table, set: BTreeMap<ServiceName, Arc<Loaded>>) -> Self {
        let live = table.services.iter().map(|(name, revision)| (name.clone(), revision.loaded().clone()));
        let mut all: BTreeMap<ServiceName, Arc<Loaded>> = live.collect();
        all.extend(set);
        Self { known: all, rest: Rest::None }
    }

    /// Those of a manifest, without any host.
    pub(super) fn of_manifest(known: BTreeMap<ServiceName, Arc<Loaded>>, rest: Rest) -> Self {
        Self { known, rest }
    }

    /// What a service offers, if that is known; `Err` when there is no such service.
    pub(super) fn of(&self, service: &ServiceName) -> Result<Option<&Offer>, NoSuchService> {
        match (self.known.get(service), self.rest) {
            (Some(loaded), _) => Ok(Some(loaded.offer())),
            (None, Rest::Unknown) => Ok(None),
            (None, Rest::None) => Err(NoSuchService),
        }
    }

    /// The services that export an interface.
    pub(super) fn exporting(&self, interface: &str) -> impl Iterator<Item = &ServiceName> {
        self.known.iter().filter(move |(_, loaded)| loaded.offer().has(interface)).map(|(name, _)| name)
    }

    /// Binds what a service imports of others.
    ///
    /// # Errors
    /// When several export an interface, or the one that does has other functions or types. An
    /// interface that nobody exports is left out: linking names it with all else that is missing.
    pub(super) fn bind(
        &self,
        service: &ServiceName,
        wanted: Vec<Interface>,
        settings: &Settings,
    ) -> Result<Vec<Bound>, DeployError> {
        let mut bound = Vec::with_capacity(wanted.len());
        for interface in wanted {
            let Some(provider) = self.provider(service, &interface, settings)? else { continue };
            if let Err(problems) = self.known.get(&provider).map_or(Ok(()), |loaded| loaded.offer().check(&interface)) {
                return Err(DeployError::Rejected(format!(
                    "{service} imports {}, which {provider} exports differently: {}; build both against the same WIT",
                    interface.name,
                    problems.join("; ")
                )));
            }
            bound.push(Bound { interface, service: provider });
        }
        Ok(bound)
    }

    fn provider(
        &self,
        service: &ServiceName,
        interface: &Interface,
        settings: &Settings,
    ) -> Result<Option<ServiceName>, DeployError> {
        let rules = interface.name.parse::<CallTarget>().ok().map(|target| settings.call_rules(&target));
        let candidates: Vec<&ServiceName> = self.exporting(&interface.name).collect();
        if let Some(named) = rules.and_then(|rules| rules.service) {
            return match (candidates.contains(&&named), self.of(&named)) {
                (true, _) => Ok(Some(named)),
                (false, Ok(None)) => Ok(None),
                (false, _) => Err(DeployError::Rejected(format!(
                    "{service} is to call {named} for {}, which {named} does not export{}",
                    interface.name,
                    among(&candidates)
                ))),
            };
        }
        match candidates.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some((*only).clone())),
            several => Err(DeployError::Rejected(format!(
                "{service} imports {}, which several services export{}; say which one: [service.{service}.calls.\"{}\"] service = \"{}\"",
                interface.name,
                among(several),
                interface.name,
                several.first().map_or("", |name| name.as_str())
            ))),
        }
    }
}

/// No service of this name is live, or about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoSuchService;

fn among(candidates: &[&ServiceName]) -> String {
    let names: Vec<&str> = candidates.iter().map(|name| name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!(" ({} do)", names.join(", ")) }
}

/// Whom of the live callers a change would break: those of `changed`, which offers what it offers then, or
/// nothing any more. Callers that are replaced at the same time are not asked.
pub(super) fn broken_callers(
    table: &Table,
    changed: &ServiceName,
    offer: Option<&Offer>,
    replaced: impl Fn(&ServiceName) -> bool,
) -> Vec<String> {
    let callers =
        table.services.values().filter(|revision| revision.service() != changed && !replaced(revision.service()));
    let bound =
        callers.flat_map(|revision: &Arc<Revision>| revision.calls().iter().map(move |bound| (revision, bound)));
    bound
        .filter(|(_, bound)| bound.service == *changed)
        .filter_map(|(revision, bound)| {
            let problems = match offer {
                Some(offer) => offer.check(&bound.interface).err()?.join("; "),
                None => "it would have nobody to call".to_owned(),
            };
            Some(format!("{} calls {}: {problems}", revision.service(), bound.interface.name))
        })
        .collect()
}
