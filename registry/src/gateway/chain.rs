//! The stages of one rule: what happens to a request between its route and its target.

use serde::{Deserialize, Serialize};

use super::Misfit;
use super::cors::Cors;
use super::edits::Edits;
use super::name::PartName;

/// What a rule asks for, by the names of its app. The default lets everything through unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chain {
    /// Schemes, of which one must accept the request. None: anybody may ask.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auth: Vec<PartName>,
    /// Scopes that the accepted one must have, all of them, besides those of its scheme.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Limits, all of which count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rate: Vec<PartName>,
    /// Which pages of other origins may ask; `None`: browsers let none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Whether answers are compressed for clients that take it.
    #[serde(skip_serializing_if = "is_off")]
    pub compress: bool,
    /// What becomes of the request's header.
    #[serde(skip_serializing_if = "Edits::is_empty")]
    pub request: Edits,
    /// What becomes of the answer's header.
    #[serde(skip_serializing_if = "Edits::is_empty")]
    pub response: Edits,
}

fn is_off(switch: &bool) -> bool {
    !switch
}

impl Chain {
    /// Whether every request goes through as it is.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What makes no sense by itself.
    pub(super) fn misfits(&self) -> Vec<Misfit> {
        let open = !self.scopes.is_empty() && self.auth.is_empty();
        let problem = || {
            let message = "`scopes` without `auth`: nobody's scopes are known here".to_owned();
            Misfit::new("scopes", message, "add `auth = \"NAME\"`, or take the scopes away")
        };
        let cors = self.cors.iter().flat_map(Cors::misfits);
        let edits = self.request.misfits("request").into_iter().chain(self.response.misfits("response"));
        open.then(problem).into_iter().chain(cors).chain(edits).collect()
    }
}
