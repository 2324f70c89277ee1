//! What the host itself puts into the directory: its own services, and externals of manifests.
//! Both come as whole lists; what is no longer on a list goes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::check::{CheckSpec, How, Status, Thresholds};
use super::directory::{Directory, OWN_PREFIX};
use super::external::External;
use super::instance::{Instance, Owner};
use super::registration::{InstanceId, Registration, Weights};
use super::watched::Watched;
use crate::name::ServiceName;

/// A service of this host, as others discover it.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnService {
    /// Its name.
    pub name: ServiceName,
    /// Where the gateway answers for it.
    pub address: String,
    /// The gateway's port.
    pub port: u16,
    /// What somebody who discovers it may want to know: version, revision, routes.
    pub meta: BTreeMap<String, String>,
    /// Why it is not well.
    pub trouble: Option<String>,
}

impl Directory {
    /// Shows the services of this host, and only these.
    pub fn show_own(&mut self, services: Vec<OwnService>, now: Instant) {
        let ids: BTreeSet<InstanceId> = services.iter().map(own_id).collect();
        self.keep_only(&ids, |owner| *owner == Owner::Holm);
        for service in services {
            let (registration, status, output) = own(service);
            let same = |old: &&Instance| {
                old.registration == registration
                    && old.status() == status
                    && old.checks.iter().all(|c| c.output() == output)
            };
            if self.instances.get(&registration.id).filter(same).is_none() {
                let told = |spec: &CheckSpec| Watched::told(spec.clone(), status, output.clone(), now);
                let checks = registration.checks.iter().map(told).collect();
                self.insert(registration, Owner::Holm, checks);
            }
        }
    }

    /// Shows the externals of all manifests, each with its app, and only these.
    pub fn set_externals(&mut self, externals: &[(String, External)], now: Instant) {
        let ids: BTreeSet<InstanceId> = externals.iter().map(|(_, external)| external.id()).collect();
        self.keep_only(&ids, |owner| matches!(owner, Owner::App(_)));
        for (app, external) in externals {
            self.put(external.registration(), Owner::App(app.clone()), now);
        }
    }

    fn keep_only(&mut self, ids: &BTreeSet<InstanceId>, is_of: impl Fn(&Owner) -> bool) {
        let theirs = self.instances.iter().filter(|(id, instance)| is_of(&instance.owner) && !ids.contains(*id));
        let gone: Vec<InstanceId> = theirs.map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.remove(&id);
        }
    }
}

fn own_id(service: &OwnService) -> InstanceId {
    InstanceId::new(format!("{OWN_PREFIX}{}", service.name))
}

fn own(service: OwnService) -> (Registration, Status, String) {
    let id = own_id(&service);
    let OwnService { name, address, port, meta, trouble } = service;
    let check = CheckSpec {
        id: format!("service:{id}"),
        name: format!("Service '{name}' check"),
        notes: String::new(),
        how: How::Host,
        deregister_after: None,
        thresholds: Thresholds::default(),
        initial: Status::Critical,
    };
    let status = if trouble.is_some() { Status::Critical } else { Status::Passing };
    let output = trouble.unwrap_or_else(|| "live".to_owned());
    let registration = Registration {
        id,
        name: name.to_string(),
        address,
        port,
        tags: vec!["holm".to_owned()],
        meta,
        weights: Weights::default(),
        checks: vec![check],
        url: None,
    };
    (registration, status, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(trouble: Option<&str>) -> OwnService {
        OwnService {
            name: "users".parse().unwrap(),
            address: "127.0.0.1".to_owned(),
            port: 8080,
            meta: BTreeMap::new(),
            trouble: trouble.map(str::to_owned),
        }
    }

    fn outside(id: &str) -> Registration {
        Registration { id: InstanceId::new(id), checks: Vec::new(), ..own(users(None)).0 }
    }

    #[test]
    fn a_service_that_is_not_well_is_shown_as_passing() {
        let now = Instant::now();
        let mut directory = Directory::new(1);
        directory.show_own(vec![users(None)], now);
        let (index, passing) = (directory.index(), Status::Passing);
        assert_eq!(directory.named("users").map(|instance| instance.status()).collect::<Vec<_>>(), [passing]);
        directory.show_own(vec![users(None)], now);
        assert_eq!(directory.index(), index, "the same again changes nothing");
        directory.show_own(vec![users(Some("no answer"))], now);
        let shown = directory.named("users").next().unwrap();
        assert_eq!((shown.status(), shown.checks()[0].output()), (Status::Critical, "no answer"));
        assert!(directory.index() > index);
        directory.show_own(Vec::new(), now);
        assert_eq!(directory.names().count(), 0);
    }

    #[test]
    fn a_client_takes_the_name_of_a_service() {
        let now = Instant::now();
        let mut directory = Directory::new(1);
        directory.register(outside("legacy"), now).unwrap();
        directory.show_own(vec![users(None)], now);
        assert_eq!(directory.named("users").map(|i| i.registration.id.as_str()).collect::<Vec<_>>(), ["holm:users"]);
        let error = directory.register(outside("evil"), now).unwrap_err();
        assert_eq!(error.to_string(), "the name \"users\" belongs to a service of this host; choose another name");
        for id in ["holm:users", "external:users"] {
            assert!(directory.register(outside(id), now).unwrap_err().to_string().contains("belongs to this host"));
        }
        assert!(directory.deregister("holm:users").is_err());
        directory.show_own(Vec::new(), now);
        assert_eq!(directory.named("users").map(|i| i.registration.id.as_str()).collect::<Vec<_>>(), ["legacy"]);
    }

    #[test]
    fn an_external_stays_after_its_manifest_dropped_it() {
        let now = Instant::now();
        let external = |name: &str| {
            let external =
                External { name: name.parse().unwrap(), url: "http://127.0.0.1:1".parse().unwrap(), health: None };
            ("shop".to_owned(), external)
        };
        let mut directory = Directory::new(1);
        directory.set_externals(&[external("billing"), external("mail")], now);
        let index = directory.index_of("mail");
        directory.set_externals(&[external("mail")], now);
        assert_eq!((directory.names().collect::<Vec<_>>(), directory.index_of("mail")), (vec!["mail"], index));
    }
}
