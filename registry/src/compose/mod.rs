//! Compositions: one answer made of several services' answers.
//!
//! | module | holds |
//! | --- | --- |
//! | this one | a plan as data: its parts and the form of its answer |
//! | [`ask`] | what one part asks: a service, and a path with references |
//! | [`check`] | what makes a plan impossible, said before it is needed |
//! | [`progress`] | which part is next, and what is made of all in the end |
//!
//! ```text
//! order = { get = "http://orders/orders/{order_id}" }
//! user = { get = "http://users/users/{claims.id}", timeout = "500ms", optional = true }
//! products = { get = "http://catalog/products?ids={order.item_ids}", optional = true }
//! ```
//!
//! A reference begins at a parameter of the route's path, at the verified `claims` of whoever asks,
//! or at another part, which then comes first; parts that do not refer to each other run at the
//! same time. Everything here is pure: who asks the services, and for how long, is the gateway's
//! business.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::gateway::PartName;
use crate::template::Template;
use crate::units::duration_text;

pub mod ask;
pub mod check;
pub mod progress;

pub use ask::{AskError, AskUrl};
pub use check::PlanProblem;
pub use progress::{Broken, Failure, Next, Progress, Unready};

/// The name under which the verified claims of whoever asks are given.
pub const CLAIMS: &str = "claims";
/// The name under which an output finds the parts that are missing.
pub const ERRORS: &str = "errors";

/// How one answer is made of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What is asked, by the name under which others and the output refer to it.
    pub parts: BTreeMap<PartName, Part>,
    /// The form of the answer; `None`: an object with every part under its name, and with `errors`
    /// if one is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Template>,
}

/// One of the answers that a composition is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Where it is.
    pub get: AskUrl,
    /// How long it may take, at most what is left for the whole; `None`: what is left.
    #[serde(default, with = "duration_text::option", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Whether there is an answer without it.
    #[serde(default, skip_serializing_if = "Need::is_required")]
    pub need: Need,
}

/// Whether a composition can do without a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// Without it there is no answer.
    #[default]
    Required,
    /// Without it the answer is partial, and says so.
    Optional,
}

impl Need {
    fn is_required(&self) -> bool {
        *self == Self::Required
    }
}

impl Plan {
    /// The parts that `part` waits for.
    fn needs<'a>(&'a self, part: &'a Part) -> BTreeSet<&'a str> {
        part.get.references().map(|reference| reference.name()).filter(|name| self.part(name).is_some()).collect()
    }

    fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|(known, _)| known.as_str() == name).map(|(_, part)| part)
    }
}
