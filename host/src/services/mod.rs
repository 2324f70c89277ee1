//! The services of this host: deployed, live, draining.
mod api;

pub use api::{
    DeployComponent, DeployError, DeployOne, DeploySet, Deployed, HttpEntry, ImportLine, Inspection, RevisionStatus,
    ServiceStatus,
};
