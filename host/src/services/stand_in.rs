//! Does what a service says about its calls fit what it calls? Asked when it is deployed, and by `holm check
//! --components`: a fallback that turns out to be wrong when it is needed is worse than none.

use holm_registry::ServiceName;
use holm_registry::nearest::nearest;
use holm_registry::settings::{CallRules, CallTarget, Fallback, Settings};
use holm_registry::template::Template;

use super::link::{NoSuchService, Offers};
use crate::runtime::Interface;
use crate::runtime::value::check_template;

/// An imported interface, and the service that answers, if that is known.
pub(super) struct Import<'a> {
    pub(super) interface: &'a Interface,
    pub(super) provider: Option<&'a ServiceName>,
}

/// Checks `calls` of a service's settings against the interfaces that it imports.
///
/// # Errors
/// Everything that is wrong, a line each.
pub(super) fn check(settings: &Settings, imports: &[Import<'_>], offers: &Offers) -> Result<(), Vec<String>> {
    let target = |import: &Import<'_>| import.interface.name.parse::<CallTarget>().ok();
    let targets: Vec<CallTarget> = imports.iter().filter_map(target).collect();
    let mut problems = unused(settings, &targets);
    for (target, &Import { interface, provider }) in targets.iter().zip(imports) {
        let called = Called { interface, provider, offers };
        let found = called.problems(&settings.call_rules(target));
        problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", interface.name)));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// What is said of interfaces that the component does not import: a misspelt name would change nothing, silently.
fn unused(settings: &Settings, targets: &[CallTarget]) -> Vec<String> {
    let is_typed = |target: &&CallTarget| matches!(target, CallTarget::Interface(_));
    let is_unused = |target: &&CallTarget| !targets.iter().any(|imported| target.covers(imported));
    let names: Vec<String> = targets.iter().map(CallTarget::to_string).collect();
    let problem = |target: &CallTarget| {
        let written = target.to_string();
        let forms = names.iter().flat_map(|name| [name.as_str(), name.split('@').next().unwrap_or(name)]);
        let nearest = nearest(&written, forms);
        let nearest = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        format!("{written}: the component imports no such interface, so nothing is called through it{nearest}")
    };
    settings.calls.keys().filter(is_typed).filter(is_unused).map(problem).collect()
}

/// An imported interface, with what is known of who answers.
struct Called<'a> {
    interface: &'a Interface,
    provider: Option<&'a ServiceName>,
    offers: &'a Offers,
}

impl Called<'_> {
    fn problems(&self, rules: &CallRules) -> Vec<String> {
        let named = rules.idempotent.iter().filter_map(|name| self.missing(name.as_str()));
        let mut problems: Vec<String> = named.map(|problem| format!("`idempotent` names {problem}")).collect();
        problems.extend(rules.fallback.iter().filter_map(|fallback| match fallback {
            Fallback::Value { function, value } => self.value(function.as_str(), value),
            Fallback::Service { service } => self.service(service),
        }));
        problems
    }

    /// A function that the interface has not.
    fn missing(&self, name: &str) -> Option<String> {
        let imported = self.interface.functions.iter().map(|signature| signature.name.as_str());
        let offered = self.provider.and_then(|provider| self.offers.of(provider).ok()?);
        let offered = offered.into_iter().flat_map(|offer| offer.functions(&self.interface.name)).map(|(name, _)| name);
        let known: Vec<&str> = imported.chain(offered).collect();
        if known.contains(&name) {
            return None;
        }
        let nearest = nearest(name, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        Some(format!("`{name}`, which the interface has not{nearest}"))
    }

    fn value(&self, name: &str, template: &Template) -> Option<String> {
        if let Some(problem) = self.missing(name) {
            return Some(format!("a fallback is for {problem}"));
        }
        // what is not imported is never called
        let signature = self.interface.functions.iter().find(|signature| signature.name == name)?;
        let problem = check_template(template, signature).err()?;
        Some(format!("the fallback for `{name}` is not what that gives: {problem}; it is {signature}"))
    }

    fn service(&self, service: &ServiceName) -> Option<String> {
        let name = &self.interface.name;
        if self.provider == Some(service) {
            return Some(format!("the fallback is {service}, the service that would have failed; name another one"));
        }
        match self.offers.of(service) {
            Err(NoSuchService) => {
                Some(format!("the fallback is {service}, and no service of that name is live{}", self.others()))
            }
            Ok(None) => None,
            Ok(Some(offer)) if !offer.has(name) => {
                Some(format!("the fallback is {service}, which does not export the interface{}", self.others()))
            }
            Ok(Some(offer)) => {
                let problems = offer.check(self.interface).err()?;
                Some(format!("the fallback is {service}, which exports it differently: {}", problems.join("; ")))
            }
        }
    }

    /// Who else could stand in.
    fn others(&self) -> String {
        let others = self.offers.exporting(&self.interface.name).filter(|name| Some(*name) != self.provider);
        let names: Vec<&str> = others.map(ServiceName::as_str).collect();
        if names.is_empty() { String::new() } else { format!(" ({} could stand in)", names.join(", ")) }
    }
}
