//! `[gateway.rate.NAME]`.

use toml::Spanned;

use super::part_name;
use crate::gateway::{PartName, RateKey, RateSettings};
use crate::manifest::section::Section;

/// Reads one limit; nothing if it is none, which is reported.
pub(super) fn rate(name: Spanned<&str>, mut section: Section<'_>) -> Option<Spanned<(PartName, RateSettings)>> {
    section.require("requests", "100");
    section.require("per", "\"15m\"");
    let parsed = part_name(&name, &section);
    let (requests, per) = (section.count("requests"), section.duration("per"));
    let burst = section.count("burst");
    let by = section.parsed("by", "\"address\"", str::parse).map(Spanned::into_inner);
    section.finish();
    let (requests, per) = (requests?, per?);
    let (burst, by) = (burst.unwrap_or(requests.max(1)), by.unwrap_or(RateKey::Address));
    Some(Spanned::new(name.span(), (parsed?, RateSettings { requests, per, burst, by })))
}
