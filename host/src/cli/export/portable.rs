//! A manifest for another place: its components lie in one folder, and what it takes from the environment is known.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where an image has its components.
pub(super) const COMPONENTS: &str = "/components";
/// In the place of a variable's value while the manifest is looked at: an address, and long enough for a secret.
pub(super) const STANDS_FOR_A_VALUE: &str =
    "http://127.0.0.1:1/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The text of a manifest, for another place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Portable {
    /// With every component as `/components/SERVICE.wasm`.
    pub(super) text: String,
    /// The variables that it takes from the environment.
    pub(super) variables: BTreeSet<String>,
}

impl Portable {
    /// Comments, order and everything else stay. A text that is no TOML stays as it is.
    pub(super) fn of(text: &str) -> Self {
        let mut portable = text.to_owned();
        let mut components = components(text);
        // from the end, so that places before stay where they are
        components.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
        for (place, service) in components {
            portable.replace_range(place, &format!("\"{COMPONENTS}/{service}.wasm\""));
        }
        Self { text: portable, variables: variables(text) }
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

/// `${NAME}` outside of comments; `$${` stands for itself.
fn variables(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for (at, _) in line.match_indices("${") {
            let escaped = line[..at].ends_with('$');
            if let Some((name, _)) = line[at + 2..].split_once('}').filter(|_| !escaped) {
                found.insert(name.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_of_an_image_is_looked_for_on_the_machine_of_whoever_exported_it() {
        let text = "[service.a]\ncomponent = \"../x/a.wasm\" # mine\n[service.b]\ncomponent = 'b.wasm'\n[service.c]\n\
                    component = \"sha256:00\"\n";
        assert_eq!(
            Portable::of(text).text,
            "[service.a]\ncomponent = \"/components/a.wasm\" # mine\n[service.b]\ncomponent = \
             \"/components/b.wasm\"\n[service.c]\ncomponent = \"sha256:00\"\n"
        );
    }

    #[test]
    fn a_variable_that_a_comment_names_is_asked_for() {
        let text = "# secret = \"${OLD}\"\na = \"${B}-$${C}-${A}\"\n  # ${D}\n";
        assert_eq!(variables(text).into_iter().collect::<Vec<_>>(), ["A", "B"]);
    }
}
