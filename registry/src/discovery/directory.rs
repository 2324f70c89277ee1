//! Every instance under its name, and the index that grows with each change.
//!
//! Three owners share it: clients that register, manifests with `[[external]]`, and Holm itself,
//! which shows its own services. A name belongs to one of them: Holm's own services go before
//! externals, and externals before what clients register; a client cannot take a name that is in
//! use, and what it registered before somebody else got the name is kept, and not shown meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::check::{CheckSpec, Status};
use super::instance::{Instance, Owner};
use super::registration::{InstanceId, Registration, RegistrationError};
use super::watched::Watched;

/// Instances on one host: a hundred bytes to some kilobytes each, and a probe at each interval.
pub const MAX_INSTANCES: usize = 10_000;
/// Ids with these beginnings are the host's own.
pub const OWN_PREFIX: &str = "holm:";
/// The same, for manifests.
pub const EXTERNAL_PREFIX: &str = "external:";

/// All instances.
#[derive(Debug)]
pub struct Directory {
    pub(super) instances: BTreeMap<InstanceId, Instance>,
    names: BTreeMap<String, Name>,
    /// Which instance a check belongs to.
    pub(super) checks: BTreeMap<String, InstanceId>,
    index: u64,
    /// The index at which a name went with its last instance.
    last_gone: u64,
}

#[derive(Debug, Default)]
struct Name {
    ids: BTreeSet<InstanceId>,
    index: u64,
}

/// Why something is not registered or not deregistered. Short, since Node's Consul client shows
/// only short texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DirectoryError {
    /// It is nonsense.
    #[error(transparent)]
    Invalid(#[from] RegistrationError),
    /// The name is used by a service of Holm or a manifest.
    #[error("the name {0:?} belongs to {1} of this host; choose another name")]
    NameTaken(String, &'static str),
    /// The id is of the host's own.
    #[error("the ID {0:?} belongs to this host; it changes with its deployment")]
    NotYours(String),
    /// A check of that id belongs to another instance.
    #[error("the check ID {0:?} belongs to another service")]
    CheckTaken(String),
    /// There is no more room.
    #[error("this host knows 10000 instances already; deregister some")]
    Full,
    /// There is no instance of that id.
    #[error("Unknown service ID {0:?}: pass the ID, not the name")]
    UnknownInstance(String),
    /// There is no check of that id.
    #[error("Unknown check ID {0:?}: pass the ID, not the name")]
    UnknownCheck(String),
    /// Somebody reports for a check that is asked.
    #[error("the check {0:?} has no TTL; this host asks it by itself")]
    NoTtl(String),
}

impl Directory {
    /// An empty one, whose index begins here: above 0, and higher than any that was given out
    /// before a restart, or clients would take old news for new.
    pub fn new(first_index: u64) -> Self {
        let index = first_index.max(1);
        Self { instances: BTreeMap::new(), names: BTreeMap::new(), checks: BTreeMap::new(), index, last_gone: index }
    }

    /// The index of the latest change of all.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The index of the latest change under a name. For a name that nobody has, that of the
    /// latest name to go: it may have been this one.
    pub fn index_of(&self, name: &str) -> u64 {
        self.names.get(name).map_or(self.last_gone, |name| name.index)
    }

    /// Registers what a client sends, or replaces what has that id. The same again changes
    /// nothing, and a check that stays goes on from where it is.
    ///
    /// # Errors
    /// Why it is not registered; nothing has changed then.
    pub fn register(&mut self, registration: Registration, now: Instant) -> Result<(), DirectoryError> {
        self.may_register(&registration)?;
        self.put(registration, Owner::Client, now);
        Ok(())
    }

    /// Whether [`Directory::register`] would register this.
    ///
    /// # Errors
    /// Why it would not.
    pub fn may_register(&self, registration: &Registration) -> Result<(), DirectoryError> {
        registration.check()?;
        let id = registration.id.as_str();
        if id.starts_with(OWN_PREFIX) || id.starts_with(EXTERNAL_PREFIX) {
            return Err(DirectoryError::NotYours(id.to_owned()));
        }
        match self.owner_of(&registration.name) {
            Some(Owner::Holm) => return Err(taken(registration, "a service")),
            Some(Owner::App(_)) => return Err(taken(registration, "an [[external]]")),
            Some(Owner::Client) | None => {}
        }
        let is_other = |check: &&CheckSpec| self.checks.get(&check.id).is_some_and(|other| *other != registration.id);
        if let Some(check) = registration.checks.iter().find(is_other) {
            return Err(DirectoryError::CheckTaken(check.id.clone()));
        }
        if self.instances.len() >= MAX_INSTANCES && !self.instances.contains_key(&registration.id) {
            return Err(DirectoryError::Full);
        }
        Ok(())
    }

    /// Brings back what a client registered before a restart, with the status of each check by
    /// its id. `wait`: before the first question.
    pub fn restore(
        &mut self,
        registration: Registration,
        was: &BTreeMap<String, Status>,
        wait: Duration,
        now: Instant,
    ) {
        let watched = |spec: &CheckSpec| {
            let status = was.get(&spec.id).copied().unwrap_or(spec.initial);
            Watched::restored(spec.clone(), status, wait, now)
        };
        let checks = registration.checks.iter().map(watched).collect();
        self.insert(registration, Owner::Client, checks);
    }

    /// Takes away what a client registered.
    ///
    /// # Errors
    /// When there is nothing of that id, or it is the host's own.
    pub fn deregister(&mut self, id: &str) -> Result<(), DirectoryError> {
        let id = self.may_deregister(id)?;
        self.remove(&id);
        Ok(())
    }

    /// The id of what [`Directory::deregister`] would take away.
    ///
    /// # Errors
    /// Why it would not.
    pub fn may_deregister(&self, id: &str) -> Result<InstanceId, DirectoryError> {
        match self.instances.get_key_value(id) {
            None => Err(DirectoryError::UnknownInstance(id.to_owned())),
            Some((id, instance)) if instance.owner == Owner::Client => Ok(id.clone()),
            Some(_) => Err(DirectoryError::NotYours(id.to_owned())),
        }
    }

    /// What an instance says about itself through a TTL check.
    ///
    /// # Errors
    /// When there is no such check, or it is none with a TTL.
    pub fn report(
        &mut self,
        check: &str,
        status: Status,
        output: String,
        now: Instant,
    ) -> Result<Reported, DirectoryError> {
        let unknown = || DirectoryError::UnknownCheck(check.to_owned());
        let id = self.checks.get(check).cloned().ok_or_else(unknown)?;
        let instance = self.instances.get_mut(&id).ok_or_else(unknown)?;
        let watched = instance.checks.iter_mut().find(|watched| watched.spec().id == check).ok_or_else(unknown)?;
        let moved = watched.reported(status, output, now).ok_or_else(|| DirectoryError::NoTtl(check.to_owned()))?;
        if moved.0 {
            self.touch(&id);
        }
        Ok(Reported { instance: id, moved: moved.0 })
    }

    /// The instances of a name that are shown: those of the owner who goes before the others.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Instance> {
        let owner = self.owner_of(name).cloned();
        let ids = self.names.get(name).into_iter().flat_map(|name| &name.ids);
        let instances = ids.filter_map(|id| self.instances.get(id));
        instances.filter(move |instance| owner.as_ref() == Some(&instance.owner))
    }

    /// All names with somebody behind them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// How many names there are.
    pub fn name_count(&self) -> usize {
        self.names.len()
    }

    /// All instances that are shown, in the order of their ids.
    pub fn shown(&self) -> impl Iterator<Item = &Instance> {
        let is_shown = |instance: &&Instance| self.owner_of(instance.name()) == Some(&instance.owner);
        self.instances.values().filter(is_shown)
    }

    /// One instance.
    pub fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.get(id)
    }

    /// The instance that a check belongs to.
    pub fn with_check(&self, check: &str) -> Option<&Instance> {
        self.instances.get(self.checks.get(check)?)
    }

    /// Who goes before the others under a name.
    pub fn owner_of(&self, name: &str) -> Option<&Owner> {
        let ids = &self.names.get(name)?.ids;
        ids.iter().filter_map(|id| self.instances.get(id)).map(|instance| &instance.owner).min()
    }

    /// Puts an instance in the place of its id. Checks that are the same go on.
    pub(super) fn put(&mut self, registration: Registration, owner: Owner, now: Instant) {
        let old = self.instances.get(&registration.id);
        if old.is_some_and(|old| old.registration == registration && old.owner == owner) {
            return;
        }
        let before = old.map(|old| old.checks.clone()).unwrap_or_default();
        let go_on = |spec: &CheckSpec| match before.iter().find(|watched| watched.spec().id == spec.id) {
            Some(same) if same.spec() == spec => same.clone().asked_anew(),
            Some(other) => Watched::restored(spec.clone(), other.status(), Duration::ZERO, now),
            None => Watched::new(spec.clone(), now),
        };
        let checks = registration.checks.iter().map(go_on).collect();
        self.insert(registration, owner, checks);
    }

    pub(super) fn insert(&mut self, registration: Registration, owner: Owner, checks: Vec<Watched>) {
        let id = registration.id.clone();
        let old = self.instances.remove(&id);
        for check in old.iter().flat_map(|old| &old.checks) {
            self.checks.remove(&check.spec().id);
        }
        if let Some(old) = old.as_ref().filter(|old| old.registration.name != registration.name) {
            self.leave_name(&old.registration.name, &id);
        }
        self.checks.extend(checks.iter().map(|check| (check.spec().id.clone(), id.clone())));
        self.names.entry(registration.name.clone()).or_default().ids.insert(id.clone());
        let registered = self.index + 1;
        let created = old.map_or(registered, |old| old.created);
        let instance = Instance { registration, owner, checks, created, modified: registered, registered };
        self.instances.insert(id.clone(), instance);
        self.touch(&id);
    }

    pub(super) fn remove(&mut self, id: &InstanceId) {
        let Some(gone) = self.instances.remove(id) else { return };
        for check in &gone.checks {
            self.checks.remove(&check.spec().id);
        }
        self.leave_name(&gone.registration.name, id);
    }

    fn leave_name(&mut self, name: &str, id: &InstanceId) {
        self.index += 1;
        let Some(entry) = self.names.get_mut(name) else { return };
        entry.ids.remove(id);
        entry.index = self.index;
        if entry.ids.is_empty() {
            self.names.remove(name);
            self.last_gone = self.index;
        }
    }

    /// Something about an instance has changed.
    pub(super) fn touch(&mut self, id: &InstanceId) {
        self.index += 1;
        let Some(instance) = self.instances.get_mut(id) else { return };
        instance.modified = self.index;
        if let Some(name) = self.names.get_mut(&instance.registration.name) {
            name.index = self.index;
        }
    }
}

fn taken(registration: &Registration, by: &'static str) -> DirectoryError {
    DirectoryError::NameTaken(registration.name.clone(), by)
}

/// What a report did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Whose check it is.
    pub instance: InstanceId,
    /// Whether its status is another now.
    pub moved: bool,
}
