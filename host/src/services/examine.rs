//! Would the services of a manifest be taken together? Without a host: by their components and settings alone. And of
//! one component, with a host: which of the live services does it need?

use std::collections::BTreeMap;
use std::sync::Arc;

use holm_registry::ServiceName;
use holm_registry::settings::Settings;

use super::Table;
use super::link::{Offers, Rest};
use super::stand_in::{self, Import};
use crate::runtime::{self, Bound, Inspection, Interface, Loaded};

/// One service of a manifest, with its component.
#[derive(Clone)]
pub struct Candidate {
    /// What the component imports.
    pub inspection: Inspection,
    /// What it offers and wants.
    pub component: Arc<Loaded>,
    /// The service's settings.
    pub settings: Settings,
}

/// What is wrong with each service, as a deployment would find it. `complete`: there are no services besides these.
pub fn examine(candidates: &BTreeMap<ServiceName, Candidate>, complete: bool) -> BTreeMap<ServiceName, String> {
    let known = candidates.iter().map(|(name, candidate)| (name.clone(), candidate.component.clone())).collect();
    let offers = Offers::of_manifest(known, if complete { Rest::None } else { Rest::Unknown });
    let problem =
        |(name, candidate): (&ServiceName, &Candidate)| Some((name.clone(), one(name, candidate, &offers, complete)?));
    candidates.iter().filter_map(problem).collect()
}

/// Names the live services that export what the host itself does not provide.
pub(super) fn name_providers(table: &Table, inspection: &mut Inspection) {
    for import in inspection.imports.iter_mut().filter(|import| import.is_missing()) {
        let exporting = table.services.values().filter(|revision| revision.offer().has(&import.name));
        let names: Vec<&str> = exporting.map(|revision| revision.service().as_str()).collect();
        if !names.is_empty() {
            import.provided_by = names.join(", ");
            import.nearest = None;
        }
    }
}

fn one(name: &ServiceName, candidate: &Candidate, offers: &Offers, complete: bool) -> Option<String> {
    let wanted = match runtime::wanted(&candidate.component) {
        Ok(wanted) => wanted,
        Err(error) => return Some(error.to_string()),
    };
    let bound = match offers.bind(name, wanted.clone(), &candidate.settings) {
        Ok(bound) => bound,
        Err(error) => return Some(error.to_string()),
    };
    if let Some(missing) = missing(&candidate.inspection, &wanted, &bound, complete) {
        return Some(missing);
    }
    let provider = |interface: &Interface| bound.iter().find(|bound| bound.interface.name == interface.name);
    let import = |interface| Import { interface, provider: provider(interface).map(|bound| &bound.service) };
    let imports: Vec<Import<'_>> = wanted.iter().map(import).collect();
    stand_in::check(&candidate.settings, &imports, offers).err().map(|problems| problems.join("\n"))
}

fn missing(inspection: &Inspection, wanted: &[Interface], bound: &[Bound], complete: bool) -> Option<String> {
    let is_bound = |name: &str| bound.iter().any(|bound| bound.interface.name == name);
    let is_wanted = |name: &str| wanted.iter().any(|interface| interface.name == name);
    let unprovided = inspection.imports.iter().filter(|import| import.is_missing());
    let missing = unprovided.map(|import| import.name.as_str()).filter(|name| !is_bound(name));
    let names: Vec<&str> = missing.filter(|name| complete || !is_wanted(name)).collect();
    (!names.is_empty()).then(|| format!("nobody provides what it imports: {}", names.join(", ")))
}
