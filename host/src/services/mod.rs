//! The services of this host: deployed, live, draining.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `api` | what the doors and the admin API may ask for, and what they get |

mod api;

pub use api::{
    DeployComponent, DeployError, DeployOne, DeploySet, Deployed, HttpEntry, ImportLine, Inspection, RevisionStatus,
    ServiceStatus,
};
