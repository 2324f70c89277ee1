//! `[[gateway.route]]`, and `[gateway.defaults]` for all of them.

use std::time::Duration;

use http::Method;
use toml::Spanned;

use super::target;
use crate::gateway::{Chain, PartName};
use crate::host::HostPattern;
use crate::manifest::section::Section;
use crate::route::{PathPattern, Rewrite, Target, parse_method};
use crate::units::{ByteSize, parse_duration};

/// `[[gateway.route]]`
pub(super) struct RawRoute {
    pub(super) host: Option<HostPattern>,
    /// `None` after an error that is already reported, as for the methods and the target.
    pub(super) path: Option<Spanned<PathPattern>>,
    pub(super) methods: Option<Vec<Method>>,
    pub(super) rewrite: Option<Spanned<Rewrite>>,
    pub(super) target: Option<Spanned<Target>>,
    pub(super) timeout: Option<Spanned<Duration>>,
    pub(super) body_limit: Option<ByteSize>,
    pub(super) chain: RawChain,
}

/// The keys that a rule and the defaults have in common; `None` for what is not written.
#[derive(Default)]
pub(super) struct RawChain {
    pub(super) auth: Option<Vec<Spanned<PartName>>>,
    pub(super) scopes: Option<Vec<Spanned<String>>>,
    pub(super) rate: Option<Vec<Spanned<PartName>>>,
}

impl RawChain {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            auth: section.list_or_one("auth", "\"jwt\"", str::parse),
            scopes: section.list_or_one("scopes", "[\"orders:read\"]", scope),
            rate: section.list_or_one("rate", "\"default\"", str::parse),
        }
    }

    /// A rule's own word, else the defaults'. Scopes belong to the schemes that they stand with.
    pub(super) fn over(&self, defaults: &Self) -> Chain {
        let scopes = match (&self.scopes, &self.auth) {
            (Some(own), _) => own.as_slice(),
            (None, Some(_)) => &[],
            (None, None) => list(&defaults.scopes),
        };
        let names = |own: &Option<Vec<_>>, defaults| inner(own.as_deref().unwrap_or(list(defaults)));
        Chain {
            auth: names(&self.auth, &defaults.auth),
            scopes: inner(scopes),
            rate: names(&self.rate, &defaults.rate),
        }
    }
}

fn list<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}

fn inner<T: Clone>(spanned: &[Spanned<T>]) -> Vec<T> {
    spanned.iter().map(|item| item.get_ref().clone()).collect()
}

/// As RFC 6749 section 3.3 has it.
fn scope(text: &str) -> Result<String, &'static str> {
    let is_scope = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    match !text.is_empty() && text.bytes().all(is_scope) {
        true => Ok(text.to_owned()),
        false => Err("a scope has no spaces, quotes or backslashes"),
    }
}

/// Reads one rule.
pub(super) fn route(mut section: Section<'_>) -> RawRoute {
    section.require("path", "\"/users/{*rest}\"");
    let found = RawRoute {
        host: section.parsed("host", "\"api.example.com\"", str::parse).map(Spanned::into_inner),
        path: section.parsed("path", "\"/users/{*rest}\"", str::parse),
        methods: section.list("methods", "[\"GET\", \"POST\"]", parse_method),
        rewrite: section.parsed("rewrite", "\"/{rest}\"", str::parse),
        target: target::target(&mut section),
        timeout: section.parsed("timeout", "\"3s\"", parse_duration),
        body_limit: section.size("body_limit"),
        chain: RawChain::read(&mut section),
    };
    section.finish(&target::LATER);
    found
}

/// Reads `[gateway.defaults]`.
pub(super) fn defaults(mut section: Section<'_>) -> RawChain {
    let found = RawChain::read(&mut section);
    section.finish(&[]);
    found
}
