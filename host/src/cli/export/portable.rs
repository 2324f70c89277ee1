//! A manifest for another place: its components lie in one folder, and what it takes from the environment is known.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use holm_registry::manifest::{Diagnostics, Manifest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where an image has its components.
const COMPONENTS: &str = "/components";
/// In the place of a variable's value while the manifest is looked at: an address, and long enough for a secret.
const STANDS_FOR_A_VALUE: &str = "http://127.0.0.1:1/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A manifest, for another place.
pub(super) struct Portable {
    /// What it says here. What stands for a variable may be an address or a file: only its place counts.
    pub(super) manifest: Manifest,
    /// Its text, with every component as `/components/SERVICE.wasm`. Comments, order and everything else stay.
    pub(super) text: String,
    /// The variables that it takes from the environment.
    pub(super) variables: BTreeSet<String>,
}

impl Portable {
    /// Reads a manifest as [`Manifest::parse`] does, and nothing from the environment.
    ///
    /// # Errors
    /// [`Diagnostics`] with everything that is wrong.
    pub(super) fn parse(source_name: &str, text: &str, base: &Path) -> Result<Self, Diagnostics> {
        let variables = RefCell::new(BTreeSet::new());
        let manifest = Manifest::parse(source_name, text, base, &|name| {
            variables.borrow_mut().insert(name.to_owned());
            Some(STANDS_FOR_A_VALUE.to_owned())
        })?;
        let mut text = text.to_owned();
        let mut components = components(&text);
        // from the end, so that places before stay where they are
        components.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
        for (place, service) in components {
            text.replace_range(place, &format!("\"{COMPONENTS}/{service}.wasm\""));
        }
        Ok(Self { manifest, text, variables: variables.into_inner() })
    }
}

/// Where the file of a component stands, and whose it is. One that is named by its digest stays.
fn components(text: &str) -> Vec<(Range<usize>, String)> {
    let Ok(root) = DeTable::parse(text) else { return Vec::new() };
    let services = root.get_ref().get("service").and_then(|services| services.get_ref().as_table());
    let each = services.into_iter().flat_map(|services| services.iter());
    let component = |(name, service): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let component = service.get_ref().as_table()?.get("component")?;
        let is_file = component.get_ref().as_str().is_some_and(|file| !file.starts_with("sha256:"));
        is_file.then(|| (component.span(), AsRef::<str>::as_ref(name.get_ref()).to_owned()))
    };
    each.filter_map(component).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "[app]\nname = \"shop\"\n";

    fn portable(text: &str) -> Portable {
        Portable::parse("holm.toml", &format!("{APP}{text}"), Path::new("")).unwrap()
    }

    #[test]
    fn a_component_of_an_image_is_looked_for_on_the_machine_of_whoever_exported_it() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let service = |name: &str, component: &str, more: &str| {
            format!("[service.{name}]\ncomponent = {component}{more}\nversion = \"1.0.0\"\n")
        };
        let c = service("c", &format!("\"{digest}\""), "");
        let text = [service("a", "\"../x/a.wasm\"", " # mine"), service("b", "'b.wasm'", ""), c.clone()].concat();
        let (a, b) = ("\"/components/a.wasm\"", "\"/components/b.wasm\"");
        let expected = [APP.to_owned(), service("a", a, " # mine"), service("b", b, ""), c].concat();
        assert_eq!(portable(&text).text, expected);
    }

    #[test]
    fn a_variable_that_a_comment_names_is_asked_for() {
        let text = "[service.a]\ncomponent = \"a.wasm\" # ${OLD}\nversion = \"1.0.0\"\n\
                    config = { x = \"${B}-$${C}-${A}\" }\n # ${D}\n";
        assert_eq!(portable(text).variables.into_iter().collect::<Vec<_>>(), ["A", "B"]);
    }
}
