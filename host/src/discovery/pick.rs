//! Which instance the next request goes to, and what becomes of it there.

use std::net::{IpAddr, Ipv4Addr};

use holm_registry::discovery::balance::Balance;
use holm_registry::discovery::check::Status;
use holm_registry::discovery::instance::{Instance, Owner};
use holm_registry::discovery::pool::Outcome;
use holm_registry::discovery::registration::InstanceId;
use http::{HeaderMap, StatusCode};

use super::{Discovery, now};

/// An instance with one more request under way. Say how it went with [`Picked::answered`] or
/// [`Picked::failed`]; dropped without a word, the request counts neither for nor against it.
#[must_use = "the request is under way at this instance until this is dropped"]
pub struct Picked {
    discovery: Discovery,
    name: String,
    id: InstanceId,
    base_url: String,
    outcome: Outcome,
}

impl Discovery {
    /// The value that decides where a request goes, when requests are spread by the hash of a
    /// header and it has that header.
    pub fn hash_key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        match &self.0.balance {
            Balance::Hash(header) => headers.get(header)?.to_str().ok(),
            Balance::RoundRobin | Balance::LeastInFlight => None,
        }
    }

    /// Whether something outside answers under this name, well or not.
    pub fn knows(&self, name: &str) -> bool {
        self.read(|directory| directory.owner_of(name).is_some_and(|owner| *owner != Owner::Holm))
    }

    /// The instance for the next request to a service that is not Wasm: an external, or one that
    /// clients registered. `None` when nobody of that name is well. Holm's own services are not
    /// picked here: the table has them.
    ///
    /// What a client registered is picked only at a literal address that the allow-list has:
    /// whoever may register must not steer the host's requests to any place they like.
    pub fn pick(&self, name: &str, hash_key: Option<&str>) -> Option<Picked> {
        let mut state = self.state();
        let state = &mut *state;
        let instances: Vec<&Instance> =
            state.directory.named(name).filter(|instance| self.may_be_reached(instance)).collect();
        let statuses: Vec<(InstanceId, Status)> =
            instances.iter().map(|instance| (instance.registration().id.clone(), instance.status())).collect();
        if statuses.is_empty() {
            state.pools.remove(name);
            return None;
        }
        if state.pools.len() > state.directory.name_count() {
            state.pools.retain(|name, _| state.directory.owner_of(name).is_some());
        }
        let pool = state.pools.entry(name.to_owned()).or_default();
        let id = pool.pick(&statuses, &self.0.balance, hash_key, now())?;
        let base_url = state.directory.instance(id.as_str())?.registration().base_url();
        Some(Picked { discovery: self.clone(), name: name.to_owned(), id, base_url, outcome: Outcome::Unknown })
    }

    fn may_be_reached(&self, instance: &Instance) -> bool {
        match instance.owner() {
            Owner::Holm => false,
            Owner::App(_) => true,
            Owner::Client => {
                let registration = instance.registration();
                registration.port > 0 && literal(&registration.address).is_some_and(|at| self.0.allow.allows(at))
            }
        }
    }

    fn ended(&self, name: &str, id: &InstanceId, outcome: Outcome) {
        let ejected = self.state().pools.get_mut(name).and_then(|pool| pool.ended(id, outcome, now()));
        self.0.metrics.requested(name, word(outcome));
        if let Some(time) = ejected {
            self.0.metrics.ejected(name);
            tracing::warn!(service = name, instance = %id, ?time, "an instance fails again and again, and is left out");
        }
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Good => "good",
        Outcome::Failed => "failed",
        Outcome::Unknown => "unknown",
    }
}

/// An address that is written out; `localhost` is one, too (RFC 6761).
fn literal(address: &str) -> Option<IpAddr> {
    if address == "localhost" { Some(Ipv4Addr::LOCALHOST.into()) } else { address.parse().ok() }
}

impl Picked {
    /// Which instance.
    pub fn id(&self) -> &InstanceId {
        &self.id
    }

    /// Where it is, `http://127.0.0.1:3000`, without a trailing slash: paths are put behind it.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// It answered. A status from 500 on counts against it, as in Envoy.
    pub fn answered(mut self, status: StatusCode) {
        self.outcome = if status.is_server_error() { Outcome::Failed } else { Outcome::Good };
    }

    /// It could not be reached, or gave no answer in time.
    pub fn failed(mut self) {
        self.outcome = Outcome::Failed;
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.discovery.ended(&self.name, &self.id, self.outcome);
    }
}
