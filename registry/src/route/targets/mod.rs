//! Who answers the requests of a rule.
//!
//! | module | holds |
//! | --- | --- |
//! | [`redirect`] | where a client is sent instead |
//! | [`respond`] | an answer that is always the same |
//! | this one | all kinds of targets |

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{PathPattern, RouteError};
use crate::discovery::url::HttpUrl;
use crate::name::ServiceName;

pub mod redirect;
pub mod respond;

pub use redirect::Redirect;
pub use respond::FixedAnswer;

/// Who answers a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The live revision of a service, or an instance of a service that is not Wasm.
    Service(ServiceName),
    /// Whoever listens there.
    Upstream(HttpUrl),
    /// Nobody here: the client is sent elsewhere.
    Redirect(Redirect),
    /// The gateway itself, always the same.
    Respond(FixedAnswer),
}

impl Target {
    /// The services that it needs.
    pub fn services(&self) -> impl Iterator<Item = &ServiceName> {
        let one = match self {
            Self::Service(name) => Some(name),
            Self::Upstream(_) | Self::Redirect(_) | Self::Respond(_) => None,
        };
        one.into_iter()
    }

    /// The one service that answers, if it is one.
    pub fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Service(name) => Some(name),
            Self::Upstream(_) | Self::Redirect(_) | Self::Respond(_) => None,
        }
    }

    /// The key that names it in a manifest.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Service(_) => "service",
            Self::Upstream(_) => "upstream",
            Self::Redirect(_) => "redirect",
            Self::Respond(_) => "respond",
        }
    }

    /// Checks it against the path of its rule, and what its parts leave open.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, path: &PathPattern) -> Result<(), RouteError> {
        match self {
            Self::Service(_) => Ok(()),
            Self::Upstream(url) if url.uri().query().is_some() => {
                let message = format!("the upstream {url} has a query; those of the requests go there as they are");
                Err(RouteError::Target { message })
            }
            Self::Upstream(_) => Ok(()),
            Self::Redirect(redirect) => redirect.check(path),
            Self::Respond(answer) => answer.check(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => name.fmt(f),
            Self::Upstream(url) => url.fmt(f),
            Self::Redirect(redirect) => write!(f, "{} to {}", redirect.status, redirect.to),
            Self::Respond(answer) => write!(f, "answer {}", answer.status),
        }
    }
}
