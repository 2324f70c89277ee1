//! Do the rules that lead to functions find them? Asked when they are deployed: a path that names no
//! parameter would be found out by the first client.

use holm_registry::ServiceName;
use holm_registry::route::{FunctionTarget, PathPattern, RouteSpec, Target};

use super::{DeployError, lookup};
use crate::runtime::Offer;
use crate::runtime::value::Signature;

/// Checks rules against what services offer, as far as that is known.
///
/// # Errors
/// Everything that does not fit, a line each.
pub(super) fn check<'a>(
    routes: &[RouteSpec],
    offer: impl Fn(&ServiceName) -> Option<&'a Offer>,
) -> Result<(), DeployError> {
    let problem = |route: &RouteSpec| {
        let Target::Function(target) = &route.target else { return None };
        let why = fits(target, &route.path, offer(&target.service)?).err()?;
        Some(format!("the route {} leads to a function that it cannot call: {why}", route.path))
    };
    let problems: Vec<String> = routes.iter().filter_map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(DeployError::Rejected(problems.join("\n"))) }
}

/// What the path leaves open is known with each request alone.
fn fits(target: &FunctionTarget, path: &PathPattern, offer: &Offer) -> Result<(), String> {
    let Some(interface) = &target.interface else { return Ok(()) };
    let exports = |why: String| format!("{} exports {why}", target.service);
    let interface = lookup::interface(offer, interface).map_err(exports)?;
    let Some(name) = &target.name else { return Ok(()) };
    let signature = lookup::function(offer, interface, name.as_str()).map_err(exports)?;
    for parameter in path.names().filter(|parameter| !target.is_taken(parameter)) {
        has(signature, &parameter.replace('_', "-")).map_err(|why| format!("the path's `{{{parameter}}}` {why}"))?;
    }
    target.body.as_ref().map_or(Ok(()), |body| has(signature, body).map_err(|why| format!("`body = \"{body}\"` {why}")))
}

fn has(signature: &Signature, parameter: &str) -> Result<(), String> {
    match signature.params.iter().any(|(name, _)| name == parameter) {
        true => Ok(()),
        false => Err(format!("is no parameter of {signature}")),
    }
}
