//! A component made ready: checked against what the host provides, linked, its doors known.

use std::borrow::Cow;
use std::sync::Arc;

use holm_registry::nearest::nearest;
use holm_registry::settings::{Isolation, Settings};
use holm_registry::subject::SubjectPattern;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi_http::{p2, p3};

use super::call::{self, Link, Offer, compatible};
use super::engine::pool;
use super::event::EventDoor;
use super::guest::Guest;
use super::linker::PROVIDED;
use super::loaded::Loaded;
use super::shared::{Facts, why_not};

/// A component that can be instantiated.
pub struct Linked {
    /// Ready to instantiate.
    pub pre: InstancePre<Guest>,
    /// The component, which stays among those that are in use.
    pub loaded: Arc<Loaded>,
    /// How HTTP requests enter, if they do.
    pub http: Option<HttpDoor>,
    /// How events enter, if they do.
    pub events: Option<EventDoor>,
    /// How many places of the pooling allocator one instance takes.
    pub places: u32,
    /// Bytes that a guest may make the host allocate in one call from one to the other.
    pub host_call: usize,
    /// Whether it can read or write state.
    pub uses_state: bool,
    /// Whether it can publish events.
    pub publishes: bool,
    /// How long its instances live unless the settings say otherwise.
    pub default_isolation: Isolation,
}

/// Which HTTP interface a component exports.
pub enum HttpDoor {
    /// `wasi:http/incoming-handler@0.2.x`.
    P2(p2::bindings::ProxyIndices),
    /// `wasi:http/handler@0.3.x`.
    P3(p3::bindings::ServiceIndices),
}

/// Why a component cannot be linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Imports that nobody provides.
    #[error("{}", missing_text(.0))]
    Missing(Vec<MissingImport>),
    /// An import that the host has under this name, but with other functions or types.
    #[error("the component does not fit what this version of Holm provides: {0}")]
    Unfit(String),
    /// Nothing could reach the service.
    #[error(
        "the component exports neither wasi:http/incoming-handler (0.2) nor wasi:http/handler (0.3) nor a handler of events nor an interface of its own, so nothing can reach it; it exports: {0}"
    )]
    NoDoor(String),
    /// Its requests cannot share instances, though its settings say so.
    #[error("{0}")]
    NotToBeShared(String),
    /// It has subscriptions, and nothing that would handle their events.
    #[error(
        "the service subscribes to {subject}, but its component exports neither holm:events/handler nor wasmcloud:messaging/handler; it exports: {exports}"
    )]
    NoHandler {
        /// One of its subscriptions.
        subject: SubjectPattern,
        /// What the component exports.
        exports: String,
    },
    /// It asks for more than its settings or the host allow.
    #[error("{0}")]
    TooLarge(String),
}

/// An import that nobody provides.
#[derive(Debug, Clone)]
pub struct MissingImport {
    /// As the component names it.
    pub name: String,
    /// The most similar interface that is provided.
    pub nearest: Option<&'static str>,
}

fn missing_text(missing: &[MissingImport]) -> String {
    let lines: Vec<String> = missing
        .iter()
        .map(|import| match import.nearest {
            Some(nearest) => format!("{} (the nearest that exists: {nearest})", import.name),
            None => import.name.clone(),
        })
        .collect();
    format!("nobody provides what the component imports: {}", lines.join("; "))
}

impl Linked {
    /// Checks and links a component.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn new(
        linker: &Linker<Guest>,
        loaded: &Arc<Loaded>,
        settings: &Settings,
        links: &[Link],
    ) -> Result<Self, LinkError> {
        let component = &loaded.component;
        let names = import_names(component);
        let missing = missing_imports(&names, links);
        if !missing.is_empty() {
            return Err(LinkError::Missing(missing));
        }
        let unfit = |error: wasmtime::Error| LinkError::Unfit(format!("{error:#}"));
        let mut own = Cow::Borrowed(linker);
        for link in links {
            call::define(own.to_mut(), link).map_err(unfit)?;
        }
        let pre = own.instantiate_pre(component).map_err(unfit)?;
        let exports = export_names(component);
        let http = HttpDoor::find(&pre);
        let events = EventDoor::find(&pre);
        if http.is_none() && events.is_none() && loaded.offer().is_empty() {
            return Err(LinkError::NoDoor(exports.join(", ")));
        }
        if let (None, Some(subscription)) = (&events, settings.subscribe.first()) {
            let (subject, exports) = (subscription.subject.clone(), exports.join(", "));
            return Err(LinkError::NoHandler { subject, exports });
        }
        let facts = Facts {
            has_handler: matches!(http, Some(HttpDoor::P3(_))),
            imports: &names,
            offered: &loaded.offer().interfaces().collect::<Vec<_>>(),
            called: &links.iter().map(|link| link.interface.name.as_str()).collect::<Vec<_>>(),
        };
        why_not(&facts, settings).map_or(Ok(()), |why| Err(LinkError::NotToBeShared(why)))?;
        let places = places_needed(component, settings)?;
        let host_call = settings.limits.host_call.as_usize().max(fuel_for_calls(links, loaded.offer()));
        let uses_state = names.iter().any(|name| name.starts_with("wasi:keyvalue/"));
        let publishes = names.iter().any(|name| PUBLISHERS.iter().any(|start| name.starts_with(start)));
        let default_isolation = default_isolation(&exports);
        let loaded = loaded.clone();
        Ok(Self { pre, loaded, http, events, places, host_call, uses_state, publishes, default_isolation })
    }

    /// The isolation that holds under these settings.
    pub fn isolation(&self, settings: &Settings) -> Isolation {
        settings.isolation.unwrap_or(self.default_isolation)
    }
}

/// What typed calls need for their values: the arguments of what it calls, the results of what it offers.
fn fuel_for_calls(links: &[Link], offer: &Offer) -> usize {
    let called = links.iter().flat_map(|link| &link.interface.functions).map(|function| function.arguments_fuel());
    let offered = offer.interfaces().flat_map(|interface| offer.functions(interface));
    let offered = offered.filter_map(|(_, function)| Some(function.signature.as_ref().ok()?.result_fuel()));
    called.chain(offered).max().unwrap_or(0)
}

impl HttpDoor {
    fn find(pre: &InstancePre<Guest>) -> Option<Self> {
        if let Ok(indices) = p3::bindings::ServiceIndices::new(pre) {
            return Some(Self::P3(indices));
        }
        p2::bindings::ProxyIndices::new(pre).ok().map(Self::P2)
    }
}

/// Imports of guests that publish events.
const PUBLISHERS: [&str; 2] = ["holm:events/publisher@", "wasmcloud:messaging/consumer@"];

/// Exports of guests that were built for a fresh store each time.
const FRESH: [&str; 2] = ["wasi:http/incoming-handler@0.2", "wasmcloud:messaging/handler@"];

/// A guest with nothing but a 0.2 `incoming-handler` or a handler of wasmCloud's was built for a fresh store each
/// time; one that exports `holm:events`, an interface of its own, or 0.3 HTTP, was not.
pub fn default_isolation(exports: &[String]) -> Isolation {
    let fresh = |name: &String| FRESH.iter().any(|start| name.starts_with(start));
    let lasting =
        |name: &String| !fresh(name) && (!name.starts_with("wasi:") || name.starts_with("wasi:http/handler@"));
    match exports.iter().any(fresh) && !exports.iter().any(lasting) {
        true => Isolation::Invocation,
        false => Isolation::Reuse,
    }
}

/// The interfaces that a component imports.
pub fn import_names(component: &Component) -> Vec<String> {
    component.component_type().imports(component.engine()).map(|(name, _)| name.to_owned()).collect()
}

/// The interfaces and functions that a component exports.
pub fn export_names(component: &Component) -> Vec<String> {
    component.component_type().exports(component.engine()).map(|(name, _)| name.to_owned()).collect()
}

/// Those of the imports that neither the host provides nor a service.
pub fn missing_imports(names: &[String], links: &[Link]) -> Vec<MissingImport> {
    names
        .iter()
        .filter(|name| !is_provided(name) && !links.iter().any(|link| link.interface.name == **name))
        .map(|name| MissingImport { name: name.clone(), nearest: nearest(name, PROVIDED.iter().copied()) })
        .collect()
}

/// Whether the host provides an interface of this name, in a version that fits.
pub fn is_provided(name: &str) -> bool {
    PROVIDED.iter().any(|provided| compatible(provided, name))
}

/// How many of the allocator's places one instance takes: nearly always one.
fn places_needed(component: &Component, settings: &Settings) -> Result<u32, LinkError> {
    let Some(needed) = component.resources_required() else {
        return Err(LinkError::TooLarge("the component imports core modules, which Holm cannot give it".into()));
    };
    if needed.num_memories > pool::MEMORIES_PER_COMPONENT || needed.num_tables > pool::TABLES_PER_COMPONENT {
        return Err(LinkError::TooLarge(format!(
            "the component has {} memories and {} tables; {} and {} are allowed",
            needed.num_memories,
            needed.num_tables,
            pool::MEMORIES_PER_COMPONENT,
            pool::TABLES_PER_COMPONENT
        )));
    }
    let initial = needed.max_initial_memory_size.unwrap_or(0).saturating_mul(64 << 10);
    let limit = settings.limits.memory;
    if initial > limit.as_u64() {
        return Err(LinkError::TooLarge(format!(
            "the component begins with {initial} bytes of memory, but limits.memory is {limit}; raise it in the manifest"
        )));
    }
    Ok(needed.num_memories.div_ceil(2).max(needed.num_tables.div_ceil(3)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_patch_release_of_wasi_is_served_by_the_newer_one() {
        assert!(is_provided("wasi:http/types@0.2.0"));
        assert!(is_provided("wasi:io/poll@0.2.3"));
        assert!(!is_provided("wasi:io/poll@0.1.0"));
        assert!(!is_provided("wasi:http/typos@0.2.0"));
    }

    #[test]
    fn a_pre_release_is_served_only_by_itself() {
        assert!(is_provided("wasi:keyvalue/store@0.2.0-draft2"));
        assert!(!is_provided("wasi:keyvalue/store@0.2.0-draft3"));
        assert!(!is_provided("wasi:keyvalue/store@0.2.0"));
    }

    #[test]
    fn a_guest_is_reused_that_was_built_for_a_fresh_store() {
        let isolation =
            |exports: &[&str]| default_isolation(&exports.iter().map(|&name| name.into()).collect::<Vec<_>>());
        for fresh in [&["wasi:http/incoming-handler@0.2.3"][..], &["wasmcloud:messaging/handler@0.2.0"]] {
            assert_eq!(isolation(fresh), Isolation::Invocation, "{fresh:?}");
            for more in ["holm:events/handler@0.1.0", "wasi:http/handler@0.3.0", "shop:inventory/stock@1.0.0"] {
                assert_eq!(isolation(&[fresh, &[more]].concat()), Isolation::Reuse, "{more}");
            }
        }
        assert_eq!(isolation(&["holm:events/handler@0.1.0", "wasi:cli/run@0.2.0"]), Isolation::Reuse);
    }

    #[test]
    fn a_missing_import_is_told_with_the_nearest_that_exists() {
        let missing =
            missing_imports(&["wasi:keyvalue/store@0.2.0-draft3".into(), "acme:billing/ledger@1.0.0".into()], &[]);
        let text = LinkError::Missing(missing).to_string();
        assert!(
            text.contains("wasi:keyvalue/store@0.2.0-draft3 (the nearest that exists: wasi:keyvalue/store@0.2.0-draft"),
            "{text}"
        );
        assert!(text.ends_with("acme:billing/ledger@1.0.0"), "{text}");
    }
}
