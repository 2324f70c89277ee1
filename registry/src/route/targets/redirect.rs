//! Where a client is sent instead of being answered.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::discovery::url::HttpUrl;
use crate::route::{PathPattern, Rewrite, RouteError};
use crate::text::serde_as_text;

/// What a client is told: this status, and another URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Where.
    pub to: Location,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// A path here or elsewhere, with parameters of the rule's path: `/new/{rest}`,
/// `https://example.com/{rest}`, `https://{host}/{rest}`. The query travels along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    origin: Origin,
    path: Rewrite,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    /// The one that was asked.
    Same,
    /// This scheme at the host that was asked, without its port.
    Scheme(&'static str),
    /// This one, without a path.
    Fixed(String),
}

/// What stands for the host that was asked.
const HOST: &str = "{host}";

impl Redirect {
    /// The statuses that send a client elsewhere (RFC 9110 section 15.4).
    pub const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];
    /// Permanent, and the method stays: what most rules mean.
    pub const STATUS: u16 = 308;

    pub(super) fn check(&self, path: &PathPattern) -> Result<(), RouteError> {
        self.to.path.check(path)?;
        if Self::STATUSES.contains(&self.status) {
            return Ok(());
        }
        Err(RouteError::Target {
            message: format!("a redirect's status is {}, but must be 301, 302, 303, 307 or 308", self.status),
        })
    }
}

impl Location {
    /// For one request: what its path captured, its query, and the host it asked for.
    pub fn of(&self, captures: &[(&str, &str)], query: Option<&str>, host: &str) -> String {
        let path = self.path.apply(captures);
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        match &self.origin {
            // `//evil.example` would be another host
            Origin::Same => format!("/{}{query}", path.trim_start_matches('/')),
            Origin::Scheme(scheme) => format!("{scheme}://{host}{path}{query}"),
            Origin::Fixed(origin) => format!("{origin}{path}{query}"),
        }
    }
}

impl FromStr for Location {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let scheme = ["https", "http"].into_iter().find(|scheme| text.starts_with(&format!("{scheme}://")));
        let Some(scheme) = scheme else {
            return Ok(Self { origin: Origin::Same, path: text.parse()? });
        };
        let rest = text.get(scheme.len() + "://".len()..).unwrap_or_default();
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let origin = if host == HOST { Origin::Scheme(scheme) } else { Origin::Fixed(fixed(scheme, host)?) };
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { origin, path: path.parse()? })
    }
}

fn fixed(scheme: &str, host: &str) -> Result<String, RouteError> {
    let origin = format!("{scheme}://{host}");
    let checked = origin.parse::<HttpUrl>();
    checked.map(|_| origin).map_err(|error| RouteError::Target { message: error.to_string() })
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Same => {}
            Origin::Scheme(scheme) => write!(f, "{scheme}://{HOST}")?,
            Origin::Fixed(origin) => f.write_str(origin)?,
        }
        self.path.fmt(f)
    }
}

serde_as_text!(Location);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_sent_to_the_wrong_place() {
        for (template, expected) in [
            ("/new/{rest}", "/new/a/b?x=1"),
            ("https://shop.example.com/{rest}", "https://shop.example.com/a/b?x=1"),
            ("https://{host}/{rest}", "https://api.test/a/b?x=1"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/?x=1"),
        ] {
            let location: Location = template.parse().unwrap();
            assert_eq!(location.of(&[("rest", "a/b")], Some("x=1"), "api.test"), expected);
            assert_eq!(location.to_string().parse::<Location>().unwrap(), location);
        }
        let open: Location = "/{rest}".parse().unwrap();
        assert_eq!(open.of(&[("rest", "/evil.test")], None, "api.test"), "/evil.test");
    }

    #[test]
    fn a_place_that_is_none_is_accepted() {
        for text in ["", "new", "ftp://a/", "https:///a", "https://u@a/b", "https://{hosts}/a", "https://a:x/b", "/{a"]
        {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
    }
}
