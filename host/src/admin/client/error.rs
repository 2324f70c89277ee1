//! What can go wrong between the command line and a host.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::admin::api::Problem;

/// Why a host did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none.
    #[error("`{url}` is no address of an admin API: {why}")]
    Address {
        /// As given.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// Nobody listens there.
    #[error("no Holm host answers at {url}")]
    NoHost {
        /// Where it was looked for.
        url: String,
        /// What the system said.
        why: String,
    },
    /// The connection ended before the answer did.
    #[error("the connection to the host broke off: {0}")]
    BrokeOff(String),
    /// The host said no.
    #[error("{}", .0.title)]
    Refused(Box<Problem>),
    /// The answer is not what this version of holm expects.
    #[error("the host's answer cannot be read: {0}; are both of the same version?")]
    Unreadable(String),
    /// The token's file exists, but not for us.
    #[error("the admin token in {path} cannot be read: {reason}")]
    Token {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
}

impl ClientError {
    /// Why, in one sentence, when the message alone does not say.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::NoHost { why, .. } => Some(why),
            Self::Refused(problem) => Some(&problem.detail),
            _ => None,
        }
    }

    /// What the user can do, in one sentence.
    pub fn what_to_do(&self) -> Option<&'static str> {
        match self {
            Self::Address { .. } => Some("name a host as in --admin-url http://127.0.0.1:7070"),
            Self::NoHost { .. } => Some("start one with `holm up`, or name it with --admin-url"),
            Self::Token { .. } => Some("run holm as the user that the host runs as, or give the token with --token"),
            Self::BrokeOff(_) => Some("see the host's log; what it had acknowledged is kept"),
            Self::Refused(_) | Self::Unreadable(_) => None,
        }
    }

    pub(super) fn unreadable(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// The cause at the end of the chain: `Connection refused`, without the layers around it.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
