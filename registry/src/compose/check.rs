//! What makes a plan impossible. Said when it is deployed, since nobody sees a composition before
//! somebody asks for it.

use std::collections::BTreeSet;
use std::fmt;

use super::{CLAIMS, ERRORS, Part, Plan};
use crate::gateway::PartName;
use crate::nearest::nearest;
use crate::settings::bounds::TIME;
use crate::units::format_duration;

/// Most parts of a plan: each costs the services an invocation, and one request from outside must
/// not become a hundred inside.
pub const MAX_PARTS: usize = 16;

/// Something wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanProblem {
    /// The part; `None`: the output, or the plan as a whole.
    pub part: Option<PartName>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl fmt::Display for PlanProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(part) = &self.part {
            write!(f, "the part `{part}`: ")?;
        }
        write!(f, "{}; {}", self.message, self.help)
    }
}

/// Whether a rule knows who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claims {
    /// It authenticates.
    Known,
    /// Anybody may ask.
    Unknown,
}

impl Plan {
    /// What makes no sense, for a route whose path has these parameters.
    pub fn problems<'a>(&self, parameters: impl Iterator<Item = &'a str>, claims: Claims) -> Vec<PlanProblem> {
        let parameters: BTreeSet<&str> = parameters.collect();
        let check = Check { plan: self, parameters, claims };
        let mut found = Vec::new();
        if self.parts.is_empty() || self.parts.len() > MAX_PARTS {
            let message = format!("this composition has {} parts, and must have 1 to {MAX_PARTS}", self.parts.len());
            found.push(whole(message, "name a part, as in `order = { get = \"http://orders/orders/{order_id}\" }`"));
        }
        for (name, part) in &self.parts {
            found.extend(check.part(name, part));
        }
        found.extend(check.output());
        if found.is_empty() {
            found.extend(self.circle());
        }
        found
    }

    /// Parts that wait for each other for ever.
    fn circle(&self) -> Option<PlanProblem> {
        let mut done: BTreeSet<&str> = BTreeSet::new();
        loop {
            let waits =
                |(name, part): &(&PartName, &Part)| !done.contains(name.as_str()) && !self.needs(part).is_subset(&done);
            let stuck: Vec<&str> = self.parts.iter().filter(waits).map(|(name, _)| name.as_str()).collect();
            let before = done.len();
            done = self.parts.keys().map(PartName::as_str).filter(|name| !stuck.contains(name)).collect();
            if stuck.is_empty() {
                return None;
            }
            if done.len() == before {
                let names: Vec<String> = stuck.iter().map(|name| format!("`{name}`")).collect();
                let message = format!("{} wait for each other, so none is ever asked", names.join(", "));
                return Some(whole(message, "let one of them refer to the path or the claims alone"));
            }
        }
    }
}

struct Check<'a> {
    plan: &'a Plan,
    parameters: BTreeSet<&'a str>,
    claims: Claims,
}

impl Check<'_> {
    fn part(&self, name: &PartName, part: &Part) -> Vec<PlanProblem> {
        let here = |message: String, help: String| PlanProblem { part: Some(name.clone()), message, help };
        let mut found = Vec::new();
        if [CLAIMS, ERRORS].contains(&name.as_str()) || self.parameters.contains(name.as_str()) {
            let message = format!("`{name}` cannot be a part's name: `{{{name}}}` means something else here");
            found.push(here(message, "call the part otherwise".to_owned()));
        }
        for reference in part.get.references() {
            if reference.name() == name.as_str() {
                let message = format!("`{{{reference}}}` refers to the part that it stands in");
                found.push(here(message, "a part is known when it has been asked".to_owned()));
            } else if let Err((message, help)) = self.known(reference.name(), false) {
                found.push(here(message, help));
            }
        }
        if let Some(timeout) = part.timeout.filter(|timeout| !TIME.contains(timeout)) {
            let message = format!("a part's timeout is {}, but must be at least 1ms", format_duration(timeout));
            found.push(here(message, "leave it away for what is left of the route's".to_owned()));
        }
        found
    }

    fn output(&self) -> Vec<PlanProblem> {
        let names = self.plan.output.iter().flat_map(|output| output.names());
        names.filter_map(|name| self.known(name, true).err()).map(|(message, help)| whole(message, &help)).collect()
    }

    /// Whether something is given under this name; else what is wrong, and what to do.
    fn known(&self, name: &str, in_output: bool) -> Result<(), (String, String)> {
        if name == CLAIMS && self.claims == Claims::Unknown {
            let message = "`{claims…}` without `auth`: nobody's claims are known here".to_owned();
            return Err((message, "add `auth = \"NAME\"` to the route".to_owned()));
        }
        let mut names: BTreeSet<&str> = self.plan.parts.keys().map(PartName::as_str).collect();
        names.extend(self.parameters.iter().copied());
        names.insert(CLAIMS);
        names.extend(in_output.then_some(ERRORS));
        if names.contains(name) {
            return Ok(());
        }
        let help = match nearest(name, names.iter().copied()) {
            Some(name) => format!("did you mean `{{{name}}}`?"),
            None => {
                let names: Vec<String> = names.iter().map(|name| format!("`{{{name}}}`")).collect();
                format!("these are known here: {}", names.join(", "))
            }
        };
        Err((format!("nothing is known as `{{{name}}}`"), help))
    }
}

fn whole(message: String, help: &str) -> PlanProblem {
    PlanProblem { part: None, message, help: help.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn problems(plan: Value, claims: Claims) -> Vec<String> {
        let plan: Plan = serde_json::from_value(plan).unwrap();
        let found = plan.problems(["order_id"].into_iter(), claims);
        let line = |problem: PlanProblem| {
            format!(
                "{}: {}; {}",
                problem.part.map_or("-".to_owned(), |part| part.to_string()),
                problem.message,
                problem.help
            )
        };
        found.into_iter().map(line).collect()
    }

    fn shop() -> Value {
        json!({"parts": {
            "order": {"get": "http://orders/orders/{order_id}"},
            "user": {"get": "http://users/users/{claims.id}", "timeout": "500ms", "need": "optional"},
            "products": {"get": "http://catalog/products?ids={order.item_ids}", "need": "optional"},
        }})
    }

    #[test]
    fn a_plan_that_could_work_is_refused() {
        assert_eq!(problems(shop(), Claims::Known), [""; 0]);
        let mut shaped = shop();
        shaped["output"] =
            json!({"id": "{order_id}", "names": "{products}", "missing": "{errors}", "me": "{claims.sub}"});
        assert_eq!(problems(shaped, Claims::Known), [""; 0]);
    }

    #[test]
    fn a_plan_that_cannot_work_is_found_out_by_the_first_client() {
        let one = |get: &str| json!({"parts": {"a": {"get": get}, "b": {"get": "http://b/{a.x}"}}});
        for (plan, claims, expected) in [
            (shop(), Claims::Unknown, "user: `{claims…}` without `auth`: nobody's claims are known here; add `auth"),
            (
                one("http://a/{ordre_id}"),
                Claims::Known,
                "a: nothing is known as `{ordre_id}`; did you mean `{order_id}`?",
            ),
            (
                one("http://a/{customers}"),
                Claims::Known,
                "a: nothing is known as `{customers}`; these are known here: `{a}`, `{b}`, `{claims}`",
            ),
            (one("http://a/{errors}"), Claims::Known, "a: nothing is known as `{errors}`"),
            (one("http://a/{a.x}"), Claims::Known, "a: `{a.x}` refers to the part that it stands in"),
            (one("http://a/{b.x}"), Claims::Known, "-: `a`, `b` wait for each other, so none is ever asked"),
            (json!({"parts": {}}), Claims::Known, "-: this composition has 0 parts, and must have 1 to 16"),
            (
                json!({"parts": {"order_id": {"get": "http://a/x"}}}),
                Claims::Known,
                "order_id: `order_id` cannot be a part's name",
            ),
            (
                json!({"parts": {"a": {"get": "http://a/x", "timeout": "0s"}}}),
                Claims::Known,
                "a: a part's timeout is 0s",
            ),
            (
                json!({"parts": {"a": {"get": "http://a/x"}}, "output": ["{b}"]}),
                Claims::Known,
                "-: nothing is known as `{b}`",
            ),
        ] {
            let found = problems(plan.clone(), claims);
            assert!(found.len() == 1 && found[0].starts_with(expected), "{plan}: {found:?}");
        }
    }
}
