//! Which functions do rules lead to? Asked when they are deployed, since a path that names no parameter would
//! be found out by the first client, and by those who write clients.

use std::sync::Arc;

use holm_registry::ServiceName;
use holm_registry::route::targets::function::{FUNCTION, INTERFACE, PACKAGE};
use holm_registry::route::{FunctionTarget, PathPattern, RouteSpec, Target};

use http::Method;
use semver::Version;

use super::{DeployError, Table, lookup};
use crate::runtime::value::Signature;
use crate::runtime::{Offer, Offered};

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

/// What can be asked of a service's functions over HTTP.
#[derive(Clone, Debug)]
pub struct Described {
    /// The live revision's.
    pub version: Version,
    /// In the order of the rules.
    pub operations: Vec<Operation>,
}

/// One function, by one rule.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Without what says which function is meant: `/rpc/shop:users/directory/get-user`, `/users/{user_id}`.
    pub path: String,
    /// With which methods; every one, if there are none.
    pub methods: Vec<Method>,
    /// The parameters that the path still has, as it writes them.
    pub in_path: Vec<String>,
    /// As the rule has it.
    pub target: FunctionTarget,
    /// Its types.
    pub signature: Arc<Signature>,
}

/// Everything that rules of a snapshot lead to; `None`: no such service is live.
pub fn describe(table: &Table, service: &ServiceName) -> Option<Described> {
    let revision = table.services.get(service)?;
    let operations = table.routes.iter().flat_map(|route| match &route.target {
        Target::Function(target) if target.service == *service => operations(route, target, revision.offer()),
        _ => Vec::new(),
    });
    Some(Described { version: revision.version.clone(), operations: operations.collect() })
}

fn operations(route: &RouteSpec, target: &FunctionTarget, offer: &Offer) -> Vec<Operation> {
    let is_meant = |interface: &&str| {
        target.interface.as_ref().is_none_or(|written| lookup::interface(offer, written) == Ok(*interface))
    };
    let functions = offer.interfaces().filter(is_meant).flat_map(|interface| {
        let functions = offer.functions(interface);
        functions.filter_map(move |(name, offered): (&str, &Offered)| {
            Some((interface, name, offered.signature.as_ref().ok()?))
        })
    });
    let named = functions.filter(|(_, name, _)| target.name.as_ref().is_none_or(|wanted| wanted.as_str() == *name));
    let one = |(interface, name, signature): (&str, &str, &Arc<Signature>)| Operation {
        path: filled(&route.path, target, offer, interface, name),
        methods: route.methods.clone(),
        in_path: route.path.names().filter(|name| !target.is_taken(name)).map(str::to_owned).collect(),
        target: target.clone(),
        signature: Arc::clone(signature),
    };
    named.map(one).collect()
}

/// The path of one function, where the rule's own leaves open which one it is.
fn filled(path: &PathPattern, target: &FunctionTarget, offer: &Offer, interface: &str, name: &str) -> String {
    let (package, last) = interface.rsplit_once('/').unwrap_or_default();
    let short = last.split_once('@').map_or(last, |(short, _)| short);
    let has_package = path.names().any(|name| name == PACKAGE);
    let without_version = if has_package { format!("{package}/{short}") } else { short.to_owned() };
    // as short as it can be without meaning another one, too
    let last = if lookup::interface(offer, &without_version) == Ok(interface) { short } else { last };
    let mut text = path.to_string().replace("{*", "{");
    for (parameter, value) in [(PACKAGE, package), (INTERFACE, last), (FUNCTION, name)] {
        if target.is_taken(parameter) {
            text = text.replace(&format!("{{{parameter}}}"), value);
        }
    }
    text
}
