//! Who answers the requests of a rule.
//!
//! | module | holds |
//! | --- | --- |
//! | [`function`] | a function of a service, called with JSON |
//! | [`redirect`] | where a client is sent instead |
//! | [`respond`] | an answer that is always the same |
//! | this one | all kinds of targets |

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{PathPattern, RouteError};
use crate::compose::check::Claims;
use crate::compose::{Need, Plan};
use crate::discovery::url::HttpUrl;
use crate::name::ServiceName;

pub mod function;
pub mod redirect;
pub mod respond;

pub use function::FunctionTarget;
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
    /// Several services together.
    Compose(Plan),
    /// A function of a service.
    Function(FunctionTarget),
    /// The methods that a service answers over gRPC.
    Grpc(ServiceName),
    /// What of a service's functions rules lead to, described for those who write clients (OpenAPI).
    OpenApi(ServiceName),
}

impl Target {
    /// The services that it needs.
    pub fn services(&self) -> impl Iterator<Item = &ServiceName> {
        let parts = match self {
            Self::Compose(plan) => Some(plan.parts.values().map(|part| part.get.service())),
            _ => None,
        };
        self.service().into_iter().chain(parts.into_iter().flatten())
    }

    /// The services without which it has no answer.
    pub fn needs(&self) -> impl Iterator<Item = &ServiceName> {
        let required = match self {
            Self::Compose(plan) => Some(plan.parts.values().filter(|part| part.need == Need::Required)),
            _ => None,
        };
        self.service().into_iter().chain(required.into_iter().flatten().map(|part| part.get.service()))
    }

    /// The one service that answers, if it is one.
    pub fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Service(name) | Self::Grpc(name) | Self::OpenApi(name) => Some(name),
            Self::Function(function) => Some(&function.service),
            Self::Upstream(_) | Self::Redirect(_) | Self::Respond(_) | Self::Compose(_) => None,
        }
    }

    /// The key that names it in a manifest.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Service(_) => "service",
            Self::Upstream(_) => "upstream",
            Self::Redirect(_) => "redirect",
            Self::Respond(_) => "respond",
            Self::Compose(_) => "compose",
            Self::Function(_) => "function",
            Self::Grpc(_) => "grpc",
            Self::OpenApi(_) => "openapi",
        }
    }

    /// Checks it against the path of its rule, and what its parts leave open.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, path: &PathPattern) -> Result<(), RouteError> {
        match self {
            Self::Service(_) | Self::Grpc(_) | Self::OpenApi(_) => Ok(()),
            Self::Upstream(url) if url.uri().query().is_some() => {
                let message = format!("the upstream {url} has a query; those of the requests go there as they are");
                Err(RouteError::Target { message })
            }
            Self::Upstream(_) => Ok(()),
            Self::Redirect(redirect) => redirect.check(path),
            Self::Respond(answer) => answer.check(),
            Self::Function(function) => function.check(path),
            // whether somebody's claims are known depends on the rest of the rule
            Self::Compose(plan) => match plan.problems(path.names(), Claims::Known).into_iter().next() {
                Some(problem) => Err(RouteError::Target { message: problem.to_string() }),
                None => Ok(()),
            },
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => name.fmt(f),
            Self::Grpc(name) => write!(f, "{name} over gRPC"),
            Self::OpenApi(name) => write!(f, "OpenAPI of {name}"),
            Self::Function(function) => write!(f, "{function}"),
            Self::Upstream(url) => url.fmt(f),
            Self::Redirect(redirect) => write!(f, "{} to {}", redirect.status, redirect.to),
            Self::Respond(answer) => write!(f, "answer {}", answer.status),
            Self::Compose(plan) => {
                let parts: Vec<&str> = plan.parts.keys().map(|name| name.as_str()).collect();
                write!(f, "compose {}", parts.join(", "))
            }
        }
    }
}
