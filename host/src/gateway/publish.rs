//! What requests find: all rules at once, with what they share and what their targets need.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::future::join_all;
use holm_registry::gateway::GatewaySettings;
use holm_registry::route::{Found, Head, Origin, RouteSpec, Router, check_ties};
use http::HeaderName;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::access::Observer;
use super::auth::{Issuer, KeyClient};
use super::limits::{Limits, WATCHES};
use super::respond::Problem;
use super::rule::Rule;
use super::shared::Shared;
use crate::mesh::policy::Policies;
use crate::telemetry::metrics::{Metrics, RouteMetrics};

/// Answers requests by the rules it was given. `B` is published with the rules, so that a request's
/// rule and its target are of one snapshot.
pub struct Gateway<B> {
    published: ArcSwap<Published<B>>,
    /// What rules lead to now, for who watches it. Nobody else is to wait for its lock.
    behind: watch::Sender<B>,
    pub(super) limits: Limits,
    metrics: Arc<Metrics>,
    /// What is learnt of targets outlives a deployment.
    policies: Arc<Policies>,
    /// Where requests that no rule takes are counted.
    pub(super) unrouted: Arc<RouteMetrics>,
    pub(super) observer: Option<Observer>,
    /// When answers end that have no end of their own.
    ending: CancellationToken,
    /// How many of them there may be.
    watches: Arc<Semaphore>,
    /// Everybody who is asked for keys.
    issuers: watch::Sender<Vec<Arc<Issuer>>>,
}

/// What requests find.
struct Published<B> {
    router: Router<Rule>,
    shared: Shared,
    /// Fields that only we may set.
    told: Arc<[HeaderName]>,
    behind: B,
}

/// What rules lead to, for as long as somebody wants to know.
pub(super) struct Watched<B> {
    pub(super) behind: watch::Receiver<B>,
    /// Cancelled when nobody is told any more.
    pub(super) ending: CancellationToken,
    /// Who watches for long takes a permit.
    pub(super) room: Arc<Semaphore>,
}

/// What a request takes from what is published.
pub(super) struct Matched<B> {
    pub(super) rule: Arc<Rule>,
    /// Fields that only we may set.
    pub(super) told: Arc<[HeaderName]>,
    pub(super) behind: B,
}

impl<B: Clone> Gateway<B> {
    /// A gateway without any route.
    pub fn new(
        limits: Limits,
        behind: B,
        metrics: Arc<Metrics>,
        policies: Arc<Policies>,
        observer: Option<Observer>,
    ) -> Self {
        let (now, ending) = (watch::Sender::new(behind.clone()), CancellationToken::new());
        let nothing = Published { router: Router::default(), shared: Shared::default(), told: Arc::new([]), behind };
        let (published, issuers) = (ArcSwap::from_pointee(nothing), watch::Sender::default());
        let unrouted = metrics.route("", None);
        let watches = Arc::new(Semaphore::new(WATCHES));
        Self { published, behind: now, ending, watches, limits, unrouted, metrics, policies, observer, issuers }
    }

    /// Replaces all rules at once, with what they share and what their targets need. Requests under
    /// way keep theirs.
    ///
    /// # Errors
    /// When two of them tie, or one refers to what is not there; the old ones stay.
    pub fn publish(
        &self,
        rules: &[RouteSpec],
        settings: &BTreeMap<Origin, GatewaySettings>,
        behind: B,
    ) -> Result<(), Vec<String>> {
        check_ties(rules)?;
        let shared = Shared::build(settings, &self.published.load().shared, &self.limits);
        let shared = shared.map_err(|error| vec![error])?;
        let built = rules.iter().map(|spec| Rule::new(spec, &shared, &self.metrics, &self.policies));
        let router = Router::new(built.collect::<Result<_, _>>().map_err(|error| vec![error])?);
        let (issuers, told) = (shared.issuers(), shared.told().into());
        self.behind.send_replace(behind.clone());
        self.published.store(Arc::new(Published { router, shared, told, behind }));
        self.issuers.send_replace(issuers);
        Ok(())
    }

    /// Asks issuers for their keys, for as long as it is polled.
    pub async fn keep_keys(&self) {
        let (client, mut issuers) = (KeyClient::new(), self.issuers.subscribe());
        loop {
            let current = issuers.borrow_and_update().clone();
            let asking = join_all(current.iter().map(|issuer| issuer.keep(&client)));
            tokio::select! {
                _ = asking, if !current.is_empty() => {}
                // the gateway holds the sender, so this ends only with a change
                _ = issuers.changed() => {}
            }
        }
    }

    /// What rules lead to now, and whatever they will.
    pub(super) fn watch(&self) -> Watched<B> {
        Watched { behind: self.behind.subscribe(), ending: self.ending.clone(), room: Arc::clone(&self.watches) }
    }

    /// Ends answers that have no end of their own, so that a drain does not wait for them.
    pub fn end_watches(&self) {
        self.ending.cancel();
    }

    /// The rule for a request, and what its target needs.
    pub(super) fn route(&self, head: Head<'_>) -> Result<Matched<B>, Problem> {
        let published = self.published.load();
        match published.router.find(head) {
            Found::Rule(rule) => Ok(Matched {
                rule: Arc::clone(rule),
                told: Arc::clone(&published.told),
                behind: published.behind.clone(),
            }),
            Found::NoRule => Err(Problem::NotFound),
            Found::MethodNotAllowed(methods) => Err(Problem::MethodNotAllowed(methods)),
        }
    }

    /// The rule for a request, for who only wants to know.
    pub(super) fn rule(&self, head: Head<'_>) -> Option<Arc<Rule>> {
        match self.published.load().router.find(head) {
            Found::Rule(rule) => Some(Arc::clone(rule)),
            Found::NoRule | Found::MethodNotAllowed(_) => None,
        }
    }
}
