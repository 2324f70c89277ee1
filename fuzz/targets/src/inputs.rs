//! What the admin API reads: the first line says what the rest is (`name`, `digest`, `version`,
//! `settings` or `route`).

use holm_registry::route::{RouteSpec, check_ties};
use holm_registry::settings::Settings;
use holm_registry::{Digest, ServiceName};
use semver::Version;

/// What is accepted means the same when it is read back from where it was kept; what is checked is
/// within bounds or refused in words.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = crate::text(data).and_then(|text| text.split_once('\n')) else { return };
    match kind {
        "name" => parsed::<ServiceName>(rest),
        "digest" => parsed::<Digest>(rest),
        "version" => parsed::<Version>(rest),
        "settings" => settings(rest),
        "route" => routes(rest),
        _ => {}
    }
}

fn parsed<T>(text: &str)
where
    T: std::str::FromStr + ToString + PartialEq + std::fmt::Debug,
    T::Err: std::fmt::Display + std::fmt::Debug,
{
    match text.parse::<T>() {
        Ok(value) => crate::reads_itself(&value),
        Err(error) => assert!(!error.to_string().is_empty(), "refused without a reason"),
    }
}

fn settings(json: &str) {
    let Ok(settings) = serde_json::from_str::<Settings>(json) else { return };
    if let Err(error) = settings.check() {
        assert!(!error.problems.is_empty() && !error.to_string().is_empty(), "refused without a reason");
        return;
    }
    crate::survives_json(&settings);
    assert!(settings.permits() >= 1 && settings.permits() <= settings.instances.max, "{settings:?}");
}

fn routes(json: &str) {
    let Ok(routes) = serde_json::from_str::<Vec<RouteSpec>>(json) else { return };
    for route in &routes {
        if let Err(error) = route.check() {
            assert!(!error.to_string().is_empty(), "refused without a reason");
        }
        crate::survives_json(route);
    }
    if let Err(ties) = check_ties(&routes) {
        assert!(ties.iter().all(|tie| !tie.is_empty()) && !ties.is_empty(), "{ties:?}");
    }
}
