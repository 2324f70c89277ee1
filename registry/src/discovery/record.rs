//! What is kept of a registration over a restart: the registration itself, and how its checks
//! stood when one of them last changed. As Consul's agent keeps it, so that nobody has to
//! register again, and nobody falls out of rotation because the host was updated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check::Status;
use super::directory::Directory;
use super::instance::Owner;
use super::registration::{InstanceId, Registration};
use crate::store::Key;

/// Every record's key begins with this.
const PREFIX: &str = "discovery/";
/// The format of the record below. One of a higher number is left alone.
const FORMAT: u32 = 1;

/// What one client has registered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceRecord {
    format: u32,
    /// As it came.
    pub registration: Registration,
    /// The status of each check by its id.
    pub statuses: BTreeMap<String, Status>,
}

impl InstanceRecord {
    /// What is to be kept of an instance; `None` for what is not a client's, or not there.
    pub fn of(directory: &Directory, id: &InstanceId) -> Option<Self> {
        let instance = directory.instance(id.as_str()).filter(|instance| *instance.owner() == Owner::Client)?;
        let statuses = instance.checks().iter().map(|check| (check.spec().id.clone(), check.status())).collect();
        Some(Self { format: FORMAT, registration: instance.registration().clone(), statuses })
    }

    /// What is kept of a registration before it stands in the directory: its checks have the
    /// status of those that it replaces.
    pub fn before(directory: &Directory, registration: &Registration) -> Self {
        let statuses = Self::of(directory, &registration.id).map(|record| record.statuses).unwrap_or_default();
        Self { format: FORMAT, registration: registration.clone(), statuses }
    }

    /// As it is written.
    ///
    /// # Errors
    /// None that is known: all keys are texts.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// As it was written.
    ///
    /// # Errors
    /// Why it cannot be read: damaged, or of a newer version of Holm.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if format > FORMAT {
            return Err(format!("it has format {format}, and this version of Holm reads up to {FORMAT}"));
        }
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}

/// Where the record of an instance lies.
pub fn key(id: &InstanceId) -> Key {
    Key::catalog(&format!("{PREFIX}{id}"))
}

/// What the keys of all records begin with.
pub fn all() -> Key {
    Key::catalog(PREFIX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::check::{CheckSpec, How, HttpCheck, Pace, Thresholds};
    use super::super::registration::Weights;
    use super::*;

    fn check(id: &str, how: How) -> CheckSpec {
        CheckSpec {
            id: id.to_owned(),
            name: "n".to_owned(),
            notes: String::new(),
            how,
            deregister_after: Some(Duration::from_secs(90)),
            thresholds: Thresholds::default(),
            initial: Status::Warning,
        }
    }

    fn users() -> Registration {
        let pace = Pace::new(Duration::from_secs(10), None);
        let request = HttpCheck {
            url: "http://127.0.0.1:3000/health".parse().unwrap(),
            method: "GET".to_owned(),
            headers: vec![("x".to_owned(), "y".to_owned())],
            body: String::new(),
        };
        Registration {
            id: InstanceId::new("users-1"),
            name: "users".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: 3000,
            tags: vec!["a".to_owned()],
            meta: [("k".to_owned(), "v".to_owned())].into(),
            weights: Weights::default(),
            checks: vec![
                check("h", How::Http { request, pace }),
                check("t", How::Tcp { address: "127.0.0.1:1".parse().unwrap(), pace }),
                check("l", How::Ttl(Duration::from_millis(1500))),
            ],
            url: None,
        }
    }

    #[test]
    fn a_restart_forgets_who_is_well() {
        let now = Instant::now();
        let mut directory = Directory::new(1);
        directory.register(users(), now).unwrap();
        directory.report("l", Status::Passing, String::new(), now).unwrap();
        let record = InstanceRecord::of(&directory, &InstanceId::new("users-1")).unwrap();
        let InstanceRecord { registration, statuses, .. } = InstanceRecord::decode(&record.encode().unwrap()).unwrap();
        assert_eq!(registration, users());
        let mut later = Directory::new(100);
        later.restore(registration, &statuses, Duration::from_secs(3), now);
        let statuses: Vec<_> = later.named("users").flat_map(|i| i.checks()).map(|check| check.status()).collect();
        assert_eq!(statuses, [Status::Warning, Status::Warning, Status::Passing]);
        assert!(later.index_of("users") > 100);
    }

    #[test]
    fn a_record_of_a_newer_holm_is_read_wrongly() {
        assert!(InstanceRecord::decode(br#"{"format": 2, "who": "knows"}"#).unwrap_err().contains("format 2"));
        assert!(InstanceRecord::decode(b"{}").is_err());
    }
}
