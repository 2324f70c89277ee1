//! The keys of a rule that are tables: what it asks of a request, pages of other origins, edits.

use std::collections::BTreeMap;

use toml::Spanned;

use super::target::fields;
use crate::gateway::{Cors, Edits, FieldName};
use crate::manifest::section::Section;
use crate::route::{Conditions, Wanted};

/// `headers = { … }` and `query = { … }`: what a request must have.
pub(super) fn conditions(section: &mut Section<'_>) -> Conditions {
    let wanted = |text: String| if text == "*" { Wanted::Any } else { Wanted::Text(text) };
    let headers = fields(section, "headers").into_iter().map(|(name, text)| (name, wanted(text)));
    let query = section.texts("query", "{ version = \"2\" }").into_iter().map(|(name, text)| (name, wanted(text)));
    Conditions { headers: headers.collect(), query: query.collect() }
}

/// `cors = { … }`, or `cors = false` for none where the defaults have some. The outer `None`:
/// nothing is written.
pub(super) fn cors(section: &mut Section<'_>) -> Option<Option<Spanned<Cors>>> {
    const EXAMPLE: &str = "{ origins = [\"https://shop.example.com\"] }";
    let span = section.key_span("cors");
    if section.is_switch("cors") {
        if section.switch("cors") == Some(true) {
            let help = format!("say which, as in `cors = {EXAMPLE}`");
            section.report(span, "`cors = true` does not say which origins may ask".to_owned(), help);
        }
        return Some(None);
    }
    let mut section = section.section("cors", EXAMPLE)?;
    section.require("origins", "[\"https://shop.example.com\"]");
    let text = |text: &str| Ok::<_, std::convert::Infallible>(text.to_owned());
    let origins = section.list_or_one("origins", "[\"https://shop.example.com\"]", text).unwrap_or_default();
    let cors = Cors {
        origins: origins.into_iter().map(Spanned::into_inner).collect(),
        headers: names(&mut section, "headers"),
        expose: names(&mut section, "expose"),
        credentials: section.switch("credentials").unwrap_or_default(),
        max_age: section.duration("max_age").unwrap_or_else(Cors::default_max_age),
    };
    section.finish();
    Some(Some(Spanned::new(span, cors)))
}

/// `request = { … }` and `response = { … }`.
pub(super) fn edits(section: &mut Section<'_>, key: &'static str) -> Option<Spanned<Edits>> {
    let span = section.key_span(key);
    let mut section = section.section(key, "{ set = { x-served-by = \"holm\" }, remove = [\"x-powered-by\"] }")?;
    let set: BTreeMap<FieldName, String> = fields(&mut section, "set");
    let edits = Edits { remove: names(&mut section, "remove"), set, add: fields(&mut section, "add") };
    section.finish();
    Some(Spanned::new(span, edits))
}

fn names(section: &mut Section<'_>, key: &'static str) -> Vec<FieldName> {
    let found = section.list_or_one(key, "[\"x-request-id\"]", str::parse).unwrap_or_default();
    found.into_iter().map(Spanned::into_inner).collect()
}
