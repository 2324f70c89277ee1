//! May requests share instances of this component? Only if nobody has to know which of them does what.

use holm_registry::settings::Settings;

/// Imports whose work belongs to one request.
const OF_ONE_REQUEST: [&str; 3] = ["wasi:keyvalue/", "holm:", "wasmcloud:messaging/"];

/// What of a component concerns the question.
pub struct Facts<'a> {
    /// It exports `wasi:http/handler@0.3`.
    pub has_handler: bool,
    /// What it imports.
    pub imports: &'a [String],
    /// Interfaces of its own, for others to call.
    pub offered: &'a [&'a str],
    /// Interfaces of other services that it calls.
    pub called: &'a [&'a str],
}

/// Why its instances cannot serve several requests at once under these settings; `None`: they can, or
/// need not.
pub fn why_not(facts: &Facts<'_>, settings: &Settings) -> Option<String> {
    let concurrency = settings.instances.concurrency;
    if concurrency <= 1 {
        return None;
    }
    let mut reasons = Vec::new();
    if !facts.has_handler {
        reasons.push("it does not export wasi:http/handler@0.3, which alone can be entered again meanwhile".to_owned());
    }
    reasons
        .extend(facts.offered.iter().map(|name| format!("it exports {name}, whose calls belong to one caller each")));
    let told_apart = facts.imports.iter().filter(|name| OF_ONE_REQUEST.iter().any(|start| name.starts_with(start)));
    let called = facts.called.iter().map(|name| format!("it calls {name}, as one request"));
    reasons.extend(told_apart.map(|name| format!("it imports {name}, whose work belongs to one request")));
    reasons.extend(called);
    if !(settings.grants.http.is_empty() && settings.grants.services.is_empty()) {
        reasons.push("it has grants for outgoing HTTP, which goes out for one request".to_owned());
    }
    (!reasons.is_empty()).then(|| {
        format!(
            "instances.concurrency is {concurrency}, but requests in one instance cannot be told apart, and {}; leave instances.concurrency at 1",
            reasons.join("; ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> Settings {
        let mut settings = Settings::default();
        settings.instances.concurrency = 16;
        settings
    }

    const FIT: Facts<'_> = Facts { has_handler: true, imports: &[], offered: &[], called: &[] };

    #[test]
    fn a_service_whose_requests_must_be_told_apart_shares_instances() {
        assert_eq!(why_not(&FIT, &shared()), None);
        let imports = ["wasi:keyvalue/store@0.2.0-draft2".to_owned(), "wasi:clocks/types@0.3.0".to_owned()];
        let unfit = Facts { has_handler: false, imports: &imports, offered: &["shop:a/b"], called: &["shop:c/d"] };
        let mut settings = shared();
        settings.grants.services = vec!["inventory".parse().unwrap()];
        let why = why_not(&unfit, &settings).unwrap();
        for reason in ["handler@0.3", "imports wasi:keyvalue/store@0.2.0-draft2", "a/b", "c/d", "outgoing HTTP"] {
            assert!(why.contains(reason), "{reason}: {why}");
        }
        assert!(!why.contains("clocks"), "{why}");
        assert_eq!(why_not(&unfit, &Settings::default()), None);
    }
}
