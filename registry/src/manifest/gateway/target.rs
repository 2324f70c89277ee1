//! Who answers the requests of a rule: one of several keys.

use std::collections::BTreeMap;

use toml::Spanned;

use super::compose;
use crate::gateway::FieldName;
use crate::manifest::section::Section;
use crate::route::{FixedAnswer, FunctionTarget, Redirect, Target};

/// All kinds of targets. A rule has one.
const KINDS: [&str; 7] = ["service", "upstream", "redirect", "respond", "function", "openapi", "compose"];

/// Reads the target. `None` when it is reported that there is none, or none that makes sense.
pub(super) fn target(section: &mut Section<'_>) -> Option<Spanned<Target>> {
    let service = section.parsed("service", "\"users\"", str::parse).map(|name| spanned(name, Target::Service));
    let upstream = section.parsed("upstream", "\"http://127.0.0.1:3000\"", str::parse);
    let upstream = upstream.map(|url| spanned(url, Target::Upstream));
    let (redirect, respond) = (redirect(section), respond(section));
    let compose = if section.has_any(&["compose"]) { compose::plan(section) } else { None };
    let compose = compose.map(|plan| spanned(plan, Target::Compose));
    let function = function(section);
    let openapi = section.parsed("openapi", "\"users\"", str::parse).map(|name| spanned(name, Target::OpenApi));
    let written: Vec<&str> = KINDS.into_iter().filter(|kind| section.has_any(&[kind])).collect();
    match written.as_slice() {
        [] => {
            section.require("service", "\"users\"");
            None
        }
        [_] => service.or(upstream).or(redirect).or(respond).or(compose).or(function).or(openapi),
        [one, other, ..] => {
            let message = format!("a rule has one target, and this one has `{one}` and `{other}`");
            section.report_here(message, "keep one; for another one in its place when it fails, see `fallback`".into());
            None
        }
    }
}

fn spanned<T>(written: Spanned<T>, target: impl FnOnce(T) -> Target) -> Spanned<Target> {
    Spanned::new(written.span(), target(written.into_inner()))
}

fn redirect(section: &mut Section<'_>) -> Option<Spanned<Target>> {
    const EXAMPLE: &str = "\"https://example.com/{rest}\"";
    let span = section.key_span("redirect");
    if section.is_text("redirect") {
        let to = section.parsed("redirect", EXAMPLE, str::parse)?.into_inner();
        return Some(Spanned::new(span, Target::Redirect(Redirect { to, status: Redirect::STATUS })));
    }
    let mut section = section.section("redirect", EXAMPLE)?;
    section.require("to", EXAMPLE);
    let to = section.parsed("to", EXAMPLE, str::parse);
    let status = section.status("status");
    section.finish();
    let redirect = Redirect { to: to?.into_inner(), status: status.unwrap_or(Redirect::STATUS) };
    Some(Spanned::new(span, Target::Redirect(redirect)))
}

fn respond(section: &mut Section<'_>) -> Option<Spanned<Target>> {
    let span = section.key_span("respond");
    let mut section = section.section("respond", "{ status = 200, body = \"ok\" }")?;
    let status = section.status("status").unwrap_or(200);
    let text = section.parsed("body", "\"ok\"", |text| Ok::<_, std::convert::Infallible>(text.to_owned()));
    let json = section.json("json");
    let mut headers = fields(&mut section, "headers");
    if let (Some(_), Some(json)) = (&text, &json) {
        section.report(json.span(), "an answer has a `body` or a `json`, not both".to_owned(), "keep one".to_owned());
    }
    let body = match (text, json) {
        (Some(text), _) => text.into_inner(),
        (None, Some(json)) => {
            let of_json = FieldName::from_static("content-type");
            headers.entry(of_json).or_insert_with(|| "application/json".to_owned());
            json.into_inner().to_string()
        }
        (None, None) => String::new(),
    };
    section.finish();
    Some(Spanned::new(span, Target::Respond(FixedAnswer { status, headers, body })))
}

fn function(section: &mut Section<'_>) -> Option<Spanned<Target>> {
    const EXAMPLE: &str = "{ service = \"users\", interface = \"shop:users/directory\", name = \"get-user\" }";
    let span = section.key_span("function");
    let mut section = section.section("function", EXAMPLE)?;
    section.require("service", "\"users\"");
    let any = |text: &str| Ok::<_, std::convert::Infallible>(text.to_owned());
    let service = section.parsed("service", "\"users\"", str::parse);
    let interface = section.parsed("interface", "\"shop:users/directory\"", any).map(Spanned::into_inner);
    let is_named = section.has_any(&["name"]);
    let name = section.parsed("name", "\"get-user\"", str::parse).map(Spanned::into_inner);
    let body = section.parsed("body", "\"profile\"", any).map(Spanned::into_inner);
    let errors = section.section("errors", "{ gone = 410 }").map(Section::statuses).unwrap_or_default();
    section.finish();
    let service = service.filter(|_| is_named == name.is_some())?.into_inner();
    Some(Spanned::new(span, Target::Function(FunctionTarget { service, interface, name, body, errors })))
}

/// Header fields and their values.
pub(super) fn fields(section: &mut Section<'_>, key: &'static str) -> BTreeMap<FieldName, String> {
    const EXAMPLE: &str = "{ x-served-by = \"holm\" }";
    let written = section.texts(key, EXAMPLE);
    let span = section.key_span(key);
    let mut found = BTreeMap::new();
    for (name, value) in written {
        match name.parse::<FieldName>() {
            Ok(name) => drop(found.insert(name, value)),
            Err(error) => section.report(span.clone(), error.to_string(), format!("for example `{key} = {EXAMPLE}`")),
        }
    }
    found
}
