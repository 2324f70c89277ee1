//! One instance in the directory: whose it is, and how it stands.

use super::check::Status;
use super::registration::Registration;
use super::watched::Watched;

/// Whose an instance is. In the order in which they go before each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A service of this host.
    Holm,
    /// An `[[external]]` of this app.
    App(String),
    /// Registered through the API.
    Client,
}

/// One instance with its checks.
#[derive(Clone, Debug)]
pub struct Instance {
    pub(super) registration: Registration,
    pub(super) owner: Owner,
    pub(super) checks: Vec<Watched>,
    pub(super) created: u64,
    pub(super) modified: u64,
    /// The index of its last registration: an answer to an older question does not count.
    pub(super) registered: u64,
}

impl Instance {
    /// What was registered.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// Its service.
    pub fn name(&self) -> &str {
        &self.registration.name
    }

    /// Whose it is.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Its checks.
    pub fn checks(&self) -> &[Watched] {
        &self.checks
    }

    /// The worst of its checks; passing without any.
    pub fn status(&self) -> Status {
        self.checks.iter().map(Watched::status).max().unwrap_or(Status::Passing)
    }

    /// The index at which it came, and that of its latest change.
    pub fn indexes(&self) -> (u64, u64) {
        (self.created, self.modified)
    }
}
