//! A `holm.toml`.

use std::path::Path;

use holm_registry::manifest::{Diagnostics, Manifest};
use holm_registry::route::check_ties;

/// A manifest is whole and within bounds, or every problem has a place in its text.
pub fn run(data: &[u8]) {
    let Some(text) = crate::text(data) else { return };
    let env = |name: &str| (name == "DB_TOKEN").then(|| "s3cret \"}".to_owned());
    match Manifest::parse("holm.toml", text, Path::new("apps"), &env) {
        Ok(manifest) => accepted(&manifest),
        Err(problems) => refused(text, &problems),
    }
}

fn accepted(manifest: &Manifest) {
    for (name, service) in &manifest.services {
        crate::reads_itself(name);
        crate::survives_json(&service.settings);
        service.settings.check().unwrap_or_else(|error| panic!("{name} passed with bad settings: {error}"));
    }
    for route in &manifest.routes {
        crate::survives_json(route);
        route.check().unwrap_or_else(|error| panic!("a rule passed that is none: {error}"));
    }
    check_ties(&manifest.routes).unwrap_or_else(|ties| panic!("ties passed: {ties:?}"));
}

fn refused(text: &str, problems: &Diagnostics) {
    assert!(!problems.items.is_empty(), "refused without a reason");
    assert!(!problems.to_string().contains("s3cret"), "a message shows a value of the environment");
    for problem in &problems.items {
        let span = problem.span.clone().unwrap_or(0..0);
        assert!(text.get(span.clone()).is_some(), "{span:?} is no place of the text: {problem:?}");
        assert!(problem.line >= 1 && problem.column >= 1 && !problem.message.is_empty(), "{problem:?}");
    }
}
