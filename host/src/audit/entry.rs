//! One line of the log.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// Longest reason that is written: a list of missing imports can be long.
const REASON: usize = 500;

/// Who is not known by any token.
const STRANGER: &str = "unknown";

/// What somebody did or tried to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was over: RFC 3339, UTC.
    pub at: String,
    /// Whose token it was, `manifest` for what a host deployed as it started, or `unknown`.
    pub who: String,
    /// From where: address and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The request, as in the answer's `x-request-id`. A set has one line for each service.
    pub request: String,
    /// What was done.
    pub action: Action,
    /// To what.
    #[serde(flatten)]
    pub subject: Subject,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Attempts of strangers since the last one that has a line, which have none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_told: u64,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A component or an app was deployed.
    Deploy,
    /// An earlier revision went live.
    Rollback,
    /// A service was taken away.
    Remove,
    /// A function of a service was called.
    Call,
    /// What a service keeps, or an event, was looked at.
    Read,
    /// Another change.
    Change,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it was asked.
    Done,
    /// Nothing has changed.
    Refused,
}

/// What it was done to, as far as it was known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// Its component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The function that was called, with its interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The key that vouches for the component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
}

impl Entry {
    /// What somebody did now. `who`: `None` for a stranger. `refused`: why, when it was.
    pub fn now(who: Option<&str>, request: &str, action: Action, subject: Subject, refused: Option<&str>) -> Self {
        Self {
            at: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            who: who.unwrap_or(STRANGER).to_owned(),
            peer: None,
            request: request.to_owned(),
            action,
            subject,
            outcome: if refused.is_some() { Outcome::Refused } else { Outcome::Done },
            reason: refused.map(|reason| reason.chars().take(REASON).collect()),
            not_told: 0,
        }
    }

    pub(super) fn is_of_a_stranger(&self) -> bool {
        self.who == STRANGER
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
