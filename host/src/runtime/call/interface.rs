//! The interfaces of a component that are no host's: what it offers to other services, and what it
//! wants of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use semver::Version;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex};

use crate::runtime::component::is_provided;
use crate::runtime::value::{CannotCross, Signature};

/// Names that are the platform's: never another service's.
const PLATFORM: [&str; 3] = ["wasi:", "holm:", "wasmcloud:messaging/"];

/// An interface that a component imports from another service.
#[derive(Clone, Debug)]
pub struct Interface {
    /// As it is imported: `shop:inventory/stock@1.0.0`.
    pub name: String,
    /// The functions that are imported of it.
    pub functions: Vec<Arc<Signature>>,
}

/// What a component offers to other services, by interface.
#[derive(Clone, Default)]
pub struct Offer(BTreeMap<String, BTreeMap<String, Offered>>);

/// One function that others may call, or why they cannot.
#[derive(Clone)]
pub struct Offered {
    /// Where it is found in an instance.
    pub index: ComponentExportIndex,
    /// Its types, if they can cross.
    pub signature: Result<Arc<Signature>, CannotCross>,
}

impl Offer {
    /// The names of the interfaces.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether nothing is offered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The function that stands for one of an imported interface: of the same name, in the same or
    /// a compatible version of the interface.
    pub fn function(&self, interface: &str, function: &str) -> Option<&Offered> {
        self.interface(interface)?.get(function)
    }

    /// The functions of an interface, in the same or a compatible version, by their names.
    pub fn functions(&self, interface: &str) -> impl Iterator<Item = (&str, &Offered)> {
        self.interface(interface).into_iter().flatten().map(|(name, offered)| (name.as_str(), offered))
    }

    /// Whether an interface, or a compatible version of it, is among these.
    pub fn has(&self, interface: &str) -> bool {
        self.interface(interface).is_some()
    }

    fn interface(&self, interface: &str) -> Option<&BTreeMap<String, Offered>> {
        let like_it = || self.0.iter().find(|(name, _)| compatible(name, interface)).map(|(_, functions)| functions);
        self.0.get(interface).or_else(like_it)
    }

    /// Whether all functions of `wanted` are here, with its types.
    ///
    /// # Errors
    /// What is missing or different, a line each.
    pub fn check(&self, wanted: &Interface) -> Result<(), Vec<String>> {
        let problem = |signature: &Arc<Signature>| match self.function(&wanted.name, &signature.name) {
            None => Some(format!("{}: there is no such function", signature.name)),
            Some(Offered { signature: Err(refusal), .. }) => Some(refusal.to_string()),
            Some(Offered { signature: Ok(offered), .. }) => {
                signature.check_same(offered).err().map(|difference| difference.to_string())
            }
        };
        let problems: Vec<String> = wanted.functions.iter().filter_map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// What a component imports that the host does not provide.
///
/// # Errors
/// When one of the functions takes or gives what cannot leave its island.
pub fn imported(component: &Component) -> Result<Vec<Interface>, CannotCross> {
    let engine = component.engine();
    let mut found = Vec::new();
    for (name, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        if is_provided(name) || is_platform(name) {
            continue;
        }
        let mut functions = Vec::new();
        for (function, export) in instance.exports(engine) {
            if let ComponentItem::ComponentFunc(ty) = export.ty {
                functions.push(Arc::new(Signature::of(function, &ty)?));
            }
        }
        found.push(Interface { name: name.to_owned(), functions });
    }
    Ok(found)
}

/// What a component offers.
pub fn offered(component: &Component) -> Offer {
    let engine = component.engine();
    let mut offer = BTreeMap::new();
    for (name, export) in component.component_type().exports(engine) {
        let ComponentItem::ComponentInstance(instance) = export.ty else { continue };
        if is_platform(name) {
            continue;
        }
        let Some(of_interface) = component.get_export_index(None, name) else { continue };
        let mut functions = BTreeMap::new();
        for (function, export) in instance.exports(engine) {
            let ComponentItem::ComponentFunc(ty) = export.ty else { continue };
            let Some(index) = component.get_export_index(Some(&of_interface), function) else { continue };
            let signature = Signature::of(function, &ty).map(Arc::new);
            functions.insert(function.to_owned(), Offered { index, signature });
        }
        offer.insert(name.to_owned(), functions);
    }
    Offer(offer)
}

/// Whether an interface of this name is the platform's.
fn is_platform(name: &str) -> bool {
    PLATFORM.iter().any(|prefix| name.starts_with(prefix)) || !name.contains('/')
}

/// Whether `have` can stand for `want`: the same interface, and a version of the same compatibility
/// track (semantic versioning; a pre-release stands only for itself).
pub fn compatible(have: &str, want: &str) -> bool {
    if have == want {
        return true;
    }
    let (Some((have, have_version)), Some((want, want_version))) = (have.split_once('@'), want.split_once('@')) else {
        return false;
    };
    have == want && track(have_version).is_some_and(|track_of| Some(track_of) == track(want_version))
}

/// The part of a version within which releases are compatible; `None` for pre-releases.
fn track(version: &str) -> Option<(u64, u64, u64)> {
    let version = Version::parse(version).ok().filter(|version| version.pre.is_empty())?;
    Some(match (version.major, version.minor) {
        (0, 0) => (0, 0, version.patch),
        (0, minor) => (0, minor, 0),
        (major, _) => (major, 0, 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_for_one_that_it_is_not_compatible_with() {
        for (have, want, fits) in [
            ("shop:inventory/stock@1.2.0", "shop:inventory/stock@1.0.0", true),
            ("shop:inventory/stock@1.0.0", "shop:inventory/stock@1.2.0", true),
            ("shop:inventory/stock@2.0.0", "shop:inventory/stock@1.0.0", false),
            ("shop:inventory/stock@0.2.1", "shop:inventory/stock@0.2.0", true),
            ("shop:inventory/stock@0.3.0", "shop:inventory/stock@0.2.0", false),
            ("shop:inventory/stock@0.0.2", "shop:inventory/stock@0.0.1", false),
            ("shop:inventory/stock@1.0.0-rc.1", "shop:inventory/stock@1.0.0", false),
            ("shop:inventory/stock", "shop:inventory/stock", true),
            ("shop:inventory/stock", "shop:inventory/stock@1.0.0", false),
            ("shop:inventory/stocks@1.0.0", "shop:inventory/stock@1.0.0", false),
        ] {
            assert_eq!(compatible(have, want), fits, "{have} for {want}");
        }
    }
}
