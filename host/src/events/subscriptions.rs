//! Which subscriptions run: those of the live revisions, as the table has them.
//!
//! A swap leaves a subscription alone: its events go to whatever revision is live when they are delivered. One
//! with other settings is attached anew, and what it had begun goes on. One that is gone is ended for good, and
//! the bus forgets how far it had come; unless its service is gone only because it could not be brought back
//! after a restart: then its events wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use holm_registry::ServiceName;
use holm_registry::settings::Subscribe;
use holm_registry::subject::SubjectPattern;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::bus::Subscription;
use super::consume::Running;
use super::deliver::Deliverer;

/// How long one change waits for the bus, and for the last deliveries of a subscription that ends. A broker answers
/// within milliseconds or is away, and handlers of events take milliseconds as a rule.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A subscription's name among all.
pub type Name = (ServiceName, SubjectPattern);

/// What is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Counts the tables.
    pub generation: u64,
    /// The subscriptions of all live revisions.
    pub subscriptions: BTreeMap<Name, Subscribe>,
    /// The services that are live.
    pub live: BTreeSet<ServiceName>,
}

/// How to come from what runs to what is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// To be ended for good.
    end: Vec<Name>,
    /// To be attached, perhaps with other settings than now.
    attach: Vec<Name>,
}

/// Decides. `kept`: what the bus remembers, `known`: every service that there is, live or not.
fn plan(
    running: &BTreeMap<Name, Subscribe>,
    kept: &BTreeSet<Name>,
    known: &BTreeSet<ServiceName>,
    wanted: &Wanted,
) -> Plan {
    let is_gone = |name: &&Name| {
        let waits = known.contains(&name.0) && !wanted.live.contains(&name.0);
        !wanted.subscriptions.contains_key(*name) && !waits
    };
    let is_new = |(name, settings): &(&Name, &Subscribe)| running.get(*name) != Some(*settings);
    Plan {
        end: kept.iter().filter(is_gone).cloned().collect(),
        attach: wanted.subscriptions.iter().filter(is_new).map(|(name, _)| name.clone()).collect(),
    }
}

/// Follows the tables.
pub struct Manager {
    shared: Arc<Shared>,
    running: BTreeMap<Name, Running>,
    /// Every service that there is.
    known: BTreeSet<ServiceName>,
}

impl Manager {
    /// Nothing runs yet.
    pub fn new(shared: Arc<Shared>, known: BTreeSet<ServiceName>) -> Self {
        Self { shared, running: BTreeMap::new(), known }
    }

    /// Follows until it is stopped; then nothing more is delivered.
    pub async fn run(mut self) {
        let stop = self.shared.stop.clone();
        let _stopped = stop.run_until_cancelled(self.follow()).await;
        self.running.values().for_each(Running::stop);
    }

    async fn follow(&mut self) {
        let mut wanted = self.shared.wanted.subscribe();
        let mut live = BTreeSet::new();
        loop {
            let next = wanted.borrow_and_update().clone();
            // what was live and is not any more was removed
            let removed: BTreeSet<_> = std::mem::replace(&mut live, next.live.clone());
            self.known.retain(|service| !removed.contains(service));
            self.known.extend(next.live.iter().cloned());
            self.apply(&next).await;
            self.shared.applied.send_replace(next.generation);
            if wanted.changed().await.is_err() {
                return;
            }
        }
    }

    async fn apply(&mut self, wanted: &Wanted) {
        let settings = |running: &Running| running.subscription().settings.clone();
        let running = self.running.iter().map(|(name, running)| (name.clone(), settings(running))).collect();
        let plan = plan(&running, &self.kept().await, &self.known, wanted);
        for name in &plan.end {
            self.end(name).await;
        }
        let confirmed: Vec<_> = plan.attach.iter().filter_map(|name| self.attach(name, wanted)).collect();
        let late = timeout(PATIENCE, join_all(confirmed)).await.is_err();
        if late {
            tracing::warn!("the event bus has not confirmed all subscriptions yet; they begin when it does");
        }
    }

    /// What the bus remembers, as far as it can be asked.
    async fn kept(&self) -> BTreeSet<Name> {
        let mut kept: BTreeSet<Name> = self.running.keys().cloned().collect();
        match self.shared.bus.kept().await {
            Ok(more) => kept.extend(more),
            Err(error) => tracing::warn!(%error, "which subscriptions the event bus has is not known"),
        }
        kept
    }

    fn attach(&mut self, name: &Name, wanted: &Wanted) -> Option<oneshot::Receiver<()>> {
        let subscription = Subscription { service: name.0.clone(), settings: wanted.subscriptions.get(name)?.clone() };
        let metrics = self.shared.metrics.events(&name.0, subscription.name());
        let deliverer = Deliverer {
            store: self.shared.store.clone(),
            enter: Arc::clone(&self.shared.enter),
            subscription: Arc::new(subscription),
            metrics,
            durable_first: self.shared.bus.outlives_the_store(),
            stop: CancellationToken::new(),
        };
        let (done, confirmed) = oneshot::channel();
        let tell = move || {
            // whoever asked may not wait any more
            let _ = done.send(());
        };
        let running = Running::start(Arc::clone(&self.shared.bus), deliverer, &self.shared.tasks, tell);
        if let Some(old) = self.running.insert(name.clone(), running) {
            old.stop();
        }
        Some(confirmed)
    }

    async fn end(&mut self, name: &Name) {
        if let Some(running) = self.running.remove(name) {
            running.stop();
            // their marks would be left behind; one that takes longer leaves one
            let _late = timeout(PATIENCE, running.ended()).await;
        }
        let (service, subject) = name;
        match self.shared.bus.unsubscribe(service, subject).await {
            Ok(()) => tracing::info!(%service, subscription = subject.as_str(), "a subscription has ended"),
            Err(error) => {
                tracing::warn!(%service, subscription = subject.as_str(), %error, "a subscription may go on on the bus");
            }
        }
        self.shared.metrics.forget_events(service, subject.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(service: &str, subject: &str) -> Name {
        (service.parse().unwrap(), subject.parse().unwrap())
    }

    fn wanted(subscriptions: &[(&str, &str)], live: &[&str]) -> Wanted {
        let settings = |name: &Name| Subscribe::new(name.1.clone());
        let names = subscriptions.iter().map(|(service, subject)| name(service, subject));
        Wanted {
            generation: 1,
            subscriptions: names.map(|name| (name.clone(), settings(&name))).collect(),
            live: live.iter().map(|name| name.parse().unwrap()).collect(),
        }
    }

    fn known(names: &[&str]) -> BTreeSet<ServiceName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_swap_disturbs_a_subscription_that_has_not_changed() {
        let both = wanted(&[("stock", "orders.*"), ("mail", "orders.*")], &["stock", "mail"]);
        let kept = both.subscriptions.keys().cloned().collect();
        let plan_of = |running| plan(&running, &kept, &known(&["stock", "mail"]), &both);
        assert_eq!(plan_of(both.subscriptions.clone()), Plan::default());
        let mut changed = both.subscriptions.clone();
        changed.get_mut(&name("mail", "orders.*")).unwrap().concurrency = 1;
        assert_eq!(plan_of(changed), Plan { attach: vec![name("mail", "orders.*")], end: vec![] });
    }

    #[test]
    fn events_of_a_service_that_could_not_be_brought_back_are_given_up() {
        let kept = [name("stock", "orders.*"), name("mail", "users.*"), name("old", "a")].into();
        let now = wanted(&[], &["mail"]);
        // stock has failed; mail is live and subscribes to nothing any more; old was removed
        let plan = plan(&BTreeMap::new(), &kept, &known(&["stock", "mail"]), &now);
        assert_eq!(plan, Plan { end: vec![name("mail", "users.*"), name("old", "a")], attach: vec![] });
    }
}
