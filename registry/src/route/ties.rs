//! Rules that would claim the same requests: refused before anything is deployed.

use super::{Origin, RouteSpec};

/// One line for every pair of rules of which neither is more specific, naming both owners.
///
/// # Errors
/// When there is such a pair.
pub fn check_ties(rules: &[RouteSpec]) -> Result<(), Vec<String>> {
    let ties = rules.iter().enumerate().flat_map(|(index, one)| {
        let later = rules.iter().skip(index + 1);
        later.filter(|other| one.conflicts_with(other)).map(|other| describe(one, other))
    });
    let ties: Vec<String> = ties.collect();
    if ties.is_empty() { Ok(()) } else { Err(ties) }
}

fn describe(one: &RouteSpec, other: &RouteSpec) -> String {
    format!(
        "the route `{}` of {} is claimed by {} too, as `{}`; change the path, the host or the methods of one",
        one.path,
        owner(one),
        owner(other),
        other.path
    )
}

fn owner(rule: &RouteSpec) -> String {
    match &rule.origin {
        Origin::Manifest(app) => format!("app `{app}`"),
        Origin::Service(service) => format!("service `{service}`"),
    }
}
