//! `[gateway.route.compose]`: one answer made of several services' answers.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use super::part_name;
use crate::compose::check::Claims;
use crate::compose::{Need, Part, Plan};
use crate::gateway::PartName;
use crate::manifest::check::Checker;
use crate::manifest::section::Section;
use crate::route::RouteSpec;
use crate::template::Template;

const PARTS: &str = "{ order = { get = \"http://orders/orders/{order_id}\" } }";

/// Reads the plan, with the form of the answer beside it. `None` when a part of it makes no sense,
/// which is reported.
pub(super) fn plan(section: &mut Section<'_>) -> Option<Spanned<Plan>> {
    let span = section.key_span("compose");
    let written = section.named_sections("compose", PARTS);
    let count = written.len();
    let parts: BTreeMap<PartName, Part> =
        written.into_iter().filter_map(|(name, section)| part(&name, section)).collect();
    let is_shaped = section.has_any(&["output"]);
    let output = output(section);
    let is_whole = parts.len() == count && output.is_some() == is_shaped;
    is_whole.then(|| Spanned::new(span, Plan { parts, output }))
}

impl Checker<'_> {
    /// Points at the part where it was written, else at the whole plan.
    pub(super) fn check_plan(
        &self,
        plan: &Plan,
        route: &RouteSpec,
        whole: &Range<usize>,
        parts: &BTreeMap<String, Range<usize>>,
    ) {
        let claims = if route.chain.auth.is_empty() { Claims::Unknown } else { Claims::Known };
        for problem in plan.problems(route.path.names(), claims) {
            let place = problem.part.as_ref().and_then(|part| parts.get(part.as_str()));
            self.reader.report(place.unwrap_or(whole).clone(), problem.message, problem.help);
        }
    }
}

fn part(name: &Spanned<&str>, mut section: Section<'_>) -> Option<(PartName, Part)> {
    const GET: &str = "\"http://orders/orders/{order_id}\"";
    let parsed = part_name(name, &section);
    section.require("get", GET);
    let get = section.parsed("get", GET, str::parse).map(Spanned::into_inner);
    let timeout = section.duration("timeout");
    let need = if section.switch("optional").unwrap_or(false) { Need::Optional } else { Need::Required };
    section.finish();
    Some((parsed?, Part { get: get?, timeout, need }))
}

fn output(section: &mut Section<'_>) -> Option<Template> {
    let written = section.json("output")?;
    let span = written.span();
    match Template::parse(written.into_inner()) {
        Ok(template) => Some(template),
        Err(error) => {
            let help = "`{part}` is the answer of a part, as in `output = { id = \"{order.id}\" }`";
            section.report(span, error.to_string(), help.to_owned());
            None
        }
    }
}
