//! `[[gateway.route]]`, and `[gateway.defaults]` for all of them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use http::Method;
use toml::Spanned;

use super::policy::RawPolicy;
use super::{stages, target};
use crate::gateway::{Chain, Cors, Edits, PartName};
use crate::host::HostPattern;
use crate::manifest::section::Section;
use crate::route::{Conditions, PathPattern, Rewrite, Target, parse_method};
use crate::units::{ByteSize, parse_duration};

/// `[[gateway.route]]`
pub(super) struct RawRoute {
    pub(super) host: Option<HostPattern>,
    /// `None` after an error that is already reported, as for the methods and the target.
    pub(super) path: Option<Spanned<PathPattern>>,
    pub(super) methods: Option<Vec<Method>>,
    pub(super) when: Conditions,
    pub(super) rewrite: Option<Spanned<Rewrite>>,
    pub(super) target: Option<Spanned<Target>>,
    /// Where the parts of a composition stand.
    pub(super) parts: BTreeMap<String, Range<usize>>,
    pub(super) timeout: Option<Spanned<Duration>>,
    pub(super) body_limit: Option<ByteSize>,
    pub(super) chain: RawChain,
    pub(super) policy: RawPolicy,
}

/// The keys that a rule and the defaults have in common; `None` for what is not written.
#[derive(Default)]
pub(in crate::manifest) struct RawChain {
    pub(super) auth: Option<Vec<Spanned<PartName>>>,
    pub(super) scopes: Option<Vec<Spanned<String>>>,
    pub(super) rate: Option<Vec<Spanned<PartName>>>,
    pub(super) cors: Option<Option<Spanned<Cors>>>,
    pub(super) compress: Option<bool>,
    pub(super) request: Option<Spanned<Edits>>,
    pub(super) response: Option<Spanned<Edits>>,
}

impl RawChain {
    pub(in crate::manifest) fn read(section: &mut Section<'_>) -> Self {
        Self {
            auth: section.list_or_one("auth", "\"jwt\"", str::parse),
            scopes: section.list_or_one("scopes", "[\"orders:read\"]", scope),
            rate: section.list_or_one("rate", "\"default\"", str::parse),
            cors: stages::cors(section),
            compress: section.switch("compress"),
            request: stages::edits(section, "request"),
            response: stages::edits(section, "response"),
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
            cors: self.cors.as_ref().or(defaults.cors.as_ref()).and_then(|cors| cors.as_ref().map(value)),
            compress: self.compress.or(defaults.compress).unwrap_or_default(),
            request: self.request.as_ref().or(defaults.request.as_ref()).map(value).unwrap_or_default(),
            response: self.response.as_ref().or(defaults.response.as_ref()).map(value).unwrap_or_default(),
        }
    }
}

fn list<T>(list: &Option<Vec<T>>) -> &[T] {
    list.as_deref().unwrap_or_default()
}

fn value<T: Clone>(spanned: &Spanned<T>) -> T {
    spanned.get_ref().clone()
}

fn inner<T: Clone>(spanned: &[Spanned<T>]) -> Vec<T> {
    spanned.iter().map(value).collect()
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
        when: stages::conditions(&mut section),
        rewrite: section.parsed("rewrite", "\"/{rest}\"", str::parse),
        parts: section.places_in("compose"),
        target: target::target(&mut section),
        timeout: section.parsed("timeout", "\"3s\"", parse_duration),
        body_limit: section.size("body_limit"),
        chain: RawChain::read(&mut section),
        policy: RawPolicy::read(&mut section),
    };
    section.finish();
    found
}

/// Reads `[gateway.defaults]`.
pub(super) fn defaults(mut section: Section<'_>) -> (RawChain, RawPolicy) {
    let found = (RawChain::read(&mut section), RawPolicy::read(&mut section));
    section.finish();
    found
}
