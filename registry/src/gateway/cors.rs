//! `cors = { … }`: which pages of other origins may ask, as the Fetch standard has it.

use std::time::Duration;

use http::{HeaderValue, Uri};
use serde::{Deserialize, Serialize};

use super::Misfit;
use super::field::FieldName;
use crate::units::duration_text;

/// Every origin.
pub const ANY: &str = "*";
/// Browsers keep an answer for two hours (Chromium) or a day (Firefox) at most.
const LONGEST_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose pages may ask, and what of an answer they see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins as browsers send them, `https://shop.example.com`; `https://*.example.com` for all
    /// below a domain; `*` for all.
    pub origins: Vec<String>,
    /// Fields that a page may send beside the ordinary ones. Empty: whichever it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<FieldName>,
    /// Fields of an answer that a page may see beside the ordinary ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expose: Vec<FieldName>,
    /// Whether a page may send cookies and credentials of its user.
    #[serde(default)]
    pub credentials: bool,
    /// How long a browser may remember what is allowed.
    #[serde(with = "duration_text", default = "Cors::default_max_age")]
    pub max_age: Duration,
}

impl Cors {
    /// Ten minutes: a change of the manifest is seen in that time, and a busy page asks rarely.
    pub fn default_max_age() -> Duration {
        Duration::from_secs(600)
    }

    /// Whether pages of an origin may ask.
    pub fn allows(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        self.origins.iter().any(|allowed| allowed == ANY || allowed == origin || is_below(origin, allowed))
    }

    /// Whether the answer to all origins is the same.
    pub fn is_for_all(&self) -> bool {
        !self.credentials && self.origins.iter().any(|origin| origin == ANY)
    }

    pub(super) fn misfits(&self) -> Vec<Misfit> {
        let problem = |message: String, help: &str| Misfit::new("cors", message, help);
        let mut found = Vec::new();
        if self.origins.is_empty() {
            found.push(problem("`cors` allows no origin".to_owned(), "name some, as in `https://shop.example.com`"));
        }
        if self.credentials && self.origins.iter().any(|origin| origin == ANY) {
            let message = "`cors` allows the credentials of every user to pages of every origin".to_owned();
            found.push(problem(message, "name the origins, or take `credentials` away"));
        }
        for origin in self.origins.iter().filter(|origin| *origin != ANY && !is_origin(origin)) {
            let message = format!("`{origin}` is no origin");
            found.push(problem(message, "an origin is scheme, host and port: `https://shop.example.com`"));
        }
        if self.max_age > LONGEST_AGE {
            found.push(problem("`max_age` is more than a day".to_owned(), "no browser remembers for longer"));
        }
        found
    }
}

/// `https://a.example.com` is below `https://*.example.com`; `https://example.com` is not.
fn is_below(origin: &str, allowed: &str) -> bool {
    let Some((scheme, domain)) = allowed.split_once("://*.") else { return false };
    let host = origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
    let inner = host.and_then(|host| host.strip_suffix(domain)?.strip_suffix('.'));
    inner.is_some_and(|inner| !inner.is_empty())
}

fn is_origin(text: &str) -> bool {
    let plain = text.replacen("://*.", "://", 1);
    let parsed: Option<Uri> = plain.parse().ok();
    let has_nothing_more = |uri: &Uri| uri.path() == "/" && uri.query().is_none() && !plain.ends_with('/');
    let plain_host = |uri: &Uri| {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        uri.host().is_some_and(|host| !host.is_empty()) && !authority.contains(['*', '@'])
    };
    parsed.is_some_and(|uri| uri.scheme().is_some() && plain_host(&uri) && has_nothing_more(&uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let (headers, expose) = (Vec::new(), Vec::new());
        Cors { origins, headers, expose, credentials: false, max_age: Cors::default_max_age() }
    }

    #[test]
    fn a_page_of_somebody_else_may_ask() {
        let rule = cors(&["https://shop.test", "https://*.example.com", "http://localhost:5173"]);
        let allowed = |origin: &str| rule.allows(&HeaderValue::from_str(origin).unwrap());
        for origin in ["https://shop.test", "https://a.example.com", "https://a.b.example.com", "http://localhost:5173"]
        {
            assert!(allowed(origin), "{origin}");
        }
        for origin in [
            "null",
            "https://shop.test.evil.test",
            "https://evilshop.test",
            "http://shop.test",
            "https://shop.test:8443",
            "https://example.com",
            "https://.example.com",
            "https://evilexample.com",
            "http://a.example.com",
            "http://localhost",
        ] {
            assert!(!allowed(origin), "{origin}");
        }
        assert!(cors(&["*"]).allows(&HeaderValue::from_static("null")));
    }

    #[test]
    fn an_origin_that_no_browser_sends_is_accepted() {
        assert_eq!(cors(&["*", "https://a.test:8443", "https://*.a.test"]).misfits(), []);
        for origin in
            ["", "a.test", "https://a.test/", "https://a.test/x", "https://*", "https://u@a.test", "https://a.*"]
        {
            assert_eq!(cors(&[origin]).misfits().len(), 1, "{origin}");
        }
        assert_eq!(cors(&[]).misfits().len(), 1);
        assert_eq!(Cors { credentials: true, ..cors(&["*"]) }.misfits().len(), 1);
    }
}
