//! What stands between a rule of the gateway and its target, as data.
//!
//! | module | holds |
//! | --- | --- |
//! | [`chain`] | the stages of one rule, in the words of `[[gateway.route]]` |
//! | [`cors`], [`edits`] | pages of other origins, and header fields: two of the stages |
//! | [`auth`], [`jwt`] | `[gateway.auth.NAME]`: how somebody shows who they are |
//! | [`rate`] | `[gateway.rate.NAME]`: how often somebody may ask |
//! | [`tls`], [`limits`] | `[gateway.tls]`: certificates, and `[gateway.limits]`: what one client may take |
//! | [`name`], [`field`] | names of schemes, and names of header fields |
//! | this one | what the rules of one app share |
//!
//! Everything here is pure. Keys and limits are built from it by the gateway.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::discovery::ranges::IpRange;
use crate::nearest::nearest;
use crate::settings::bounds::OutOfBounds;

pub mod auth;
pub mod chain;
pub mod cors;
pub mod edits;
pub mod field;
pub mod jwt;
pub mod limits;
pub mod name;
pub mod rate;
pub mod tls;

pub use auth::{ApiKeySettings, AuthSettings};
pub use chain::Chain;
pub use cors::Cors;
pub use edits::Edits;
pub use field::FieldName;
pub use jwt::{Algorithm, JwtSettings, KeySource};
pub use limits::DoorLimits;
pub use name::PartName;
pub use rate::{RateKey, RateSettings};
pub use tls::TlsSettings;

/// What the rules of one app refer to by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySettings {
    /// Authentication schemes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub auth: BTreeMap<PartName, AuthSettings>,
    /// Limits of how often somebody may ask.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rate: BTreeMap<PartName, RateSettings>,
    /// Proxies in front of the gateway, whose word on where a request comes from counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxies: Vec<IpRange>,
}

/// Something wrong with the stages of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The key of the rule, as in a manifest.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl GatewaySettings {
    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same with every secret's value replaced, to be shown.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        self.auth = self.auth.into_iter().map(|(name, scheme)| (name, scheme.without_secrets())).collect();
        self
    }

    /// What makes no sense. Fields are named as below `[gateway]`: `auth.jwt.secret`.
    pub fn problems(&self) -> Vec<OutOfBounds> {
        let auth = self.auth.iter().flat_map(|(name, scheme)| below(&format!("auth.{name}"), scheme.problems()));
        let rate = self.rate.iter().flat_map(|(name, rate)| below(&format!("rate.{name}"), rate.problems()));
        auth.chain(rate).collect()
    }

    /// What the stages of a rule name and is not there.
    pub fn unknown(&self, chain: &Chain) -> Vec<Misfit> {
        let schemes = chain.auth.iter().filter(|name| !self.auth.contains_key(*name));
        let limits = chain.rate.iter().filter(|name| !self.rate.contains_key(*name));
        let schemes = schemes.map(|name| missing("auth", name, self.auth.keys()));
        schemes.chain(limits.map(|name| missing("rate", name, self.rate.keys()))).collect()
    }

    /// What of the stages of a rule does not go together.
    pub fn misfits(&self, chain: &Chain) -> Vec<Misfit> {
        let mut found = chain.misfits();
        let known = chain.rate.iter().filter_map(|name| Some((name, self.rate.get(name)?)));
        for (name, rate) in known.filter(|(_, rate)| rate.by.needs_identity() && chain.auth.is_empty()) {
            let message = format!("the limit `{name}` is by `{}`, and nobody is known here", rate.by);
            found.push(Misfit::new("rate", message, "add `auth = \"NAME\"`, or limit by `address`"));
        }
        found
    }
}

fn below(section: &str, problems: Vec<OutOfBounds>) -> impl Iterator<Item = OutOfBounds> + use<> {
    let section = section.to_owned();
    problems.into_iter().map(move |problem| OutOfBounds { field: format!("{section}.{}", problem.field), ..problem })
}

impl Misfit {
    fn new(key: &'static str, message: String, help: impl Into<String>) -> Self {
        Self { key, message, help: help.into() }
    }
}

fn missing<'a>(kind: &'static str, name: &PartName, known: impl Iterator<Item = &'a PartName>) -> Misfit {
    let help = match nearest(name.as_str(), known.map(PartName::as_str)) {
        Some(close) => format!("did you mean `{close}`?"),
        None => format!("add `[gateway.{kind}.{name}]`"),
    };
    Misfit::new(kind, format!("there is no `[gateway.{kind}.{name}]`"), help)
}
