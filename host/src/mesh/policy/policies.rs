//! All policies of this host, so that what was learnt of a target outlives a deployment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use holm_registry::ServiceName;
use holm_registry::settings::{CallRules, CallTarget};

use super::{CallPolicy, CallSnapshot};
use crate::telemetry::metrics::Metrics;

/// The policies in use. A revision asks for its own when it is linked and holds them as long as
/// it lives; here they are only known. So a policy passes from a revision to the next one that
/// says the same about the target, and is gone with the last that does.
#[derive(Debug)]
pub struct Policies {
    metrics: Arc<Metrics>,
    known: Mutex<Known>,
}

/// Most often one; more while revisions with different rules are alive. The newest is last.
type Known = BTreeMap<(ServiceName, CallTarget), Vec<Weak<CallPolicy>>>;

impl Policies {
    /// None yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, known: Mutex::default() }
    }

    /// The policy of `caller` for `target`: the one in use, if it has these rules, else a new
    /// one with a closed breaker.
    pub fn get(&self, caller: &ServiceName, target: &CallTarget, rules: CallRules) -> Arc<CallPolicy> {
        let mut known = self.living();
        let of_pair = known.entry((caller.clone(), target.clone())).or_default();
        if let Some(policy) = of_pair.iter().filter_map(Weak::upgrade).find(|policy| policy.rules == rules) {
            return policy;
        }
        let metrics = self.metrics.calls(caller, &target.to_string());
        let policy = Arc::new(CallPolicy::new(caller.clone(), target.clone(), rules, metrics));
        of_pair.push(Arc::downgrade(&policy));
        policy
    }

    /// How all calls do, by caller and target.
    pub fn snapshot(&self) -> Vec<CallSnapshot> {
        self.newest().iter().map(|policy| policy.snapshot()).collect()
    }

    /// Brings the state of the breakers up to date, for who is about to read it: a policy may have taken the place of
    /// another one, or was made for a deployment that was refused.
    pub fn update_metrics(&self) {
        for policy in self.newest() {
            policy.gate.metrics.breaker_is(policy.snapshot().breaker as u32);
        }
    }

    fn newest(&self) -> Vec<Arc<CallPolicy>> {
        self.living().values().filter_map(|of_pair| of_pair.last()?.upgrade()).collect()
    }

    /// A service is removed: should one of its name come, it begins anew.
    pub fn forget_service(&self, caller: &ServiceName) {
        self.living().retain(|(of, _), _| of != caller);
    }

    /// What is known, without the policies that nobody holds any more.
    fn living(&self) -> std::sync::MutexGuard<'_, Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, of_pair| {
            of_pair.retain(|policy| policy.strong_count() > 0);
            !of_pair.is_empty()
        });
        known
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::time::{Duration, Instant};

    use holm_registry::settings::Settings;

    use super::super::{Failure, Repeat};
    use super::*;

    fn policies() -> (Policies, ServiceName, CallTarget) {
        (Policies::new(Arc::default()), "orders".parse().unwrap(), "shop:inventory/stock".parse().unwrap())
    }

    fn rules(target: &CallTarget) -> CallRules {
        Settings::default().call_rules(target)
    }

    #[test]
    fn a_deployment_forgets_what_was_learnt_of_a_target() {
        let (policies, orders, stock) = policies();
        let first = policies.get(&orders, &stock, rules(&stock));
        let second = policies.get(&orders, &stock, rules(&stock));
        assert!(Arc::ptr_eq(&first, &second));
        let other = policies.get(&"users".parse().unwrap(), &stock, rules(&stock));
        assert!(!Arc::ptr_eq(&first, &other));
    }

    #[test]
    fn changed_rules_wait_for_a_restart() {
        let (policies, orders, stock) = policies();
        let first = policies.get(&orders, &stock, rules(&stock));
        let changed = CallRules { timeout: Some(Duration::from_secs(1)), ..rules(&stock) };
        let second = policies.get(&orders, &stock, changed.clone());
        assert!(!Arc::ptr_eq(&first, &second) && second.rules().timeout.is_some());
        assert!(Arc::ptr_eq(&first, &policies.get(&orders, &stock, rules(&stock))), "both live while one drains");
        assert_eq!(policies.snapshot().len(), 1);
    }

    #[tokio::test]
    async fn a_deployment_that_is_refused_shows_an_open_breaker_as_closed() {
        let (metrics, (_, orders, stock)) = (Arc::new(Metrics::new()), policies());
        let policies = Policies::new(metrics.clone());
        let state = || {
            policies.update_metrics();
            let text = metrics.encode();
            let line = text.lines().find_map(|line| line.strip_prefix("holm_breaker_state{")).unwrap();
            line.rsplit(' ').next().unwrap().to_owned()
        };
        let mut hasty = rules(&stock);
        hasty.breaker.volume_threshold = 1;
        let live = policies.get(&orders, &stock, hasty);
        let soon = Instant::now() + Duration::from_secs(60);
        let failed: Result<(), _> = live.run(soon, Repeat::Never, |_| ready(Err(())), |()| Failure::Counted).await;
        assert!(failed.is_err() && state() == "2");
        let refused = policies.get(&orders, &stock, rules(&stock));
        drop(refused);
        assert_eq!(state(), "2");
        let _next = policies.get(&orders, &stock, rules(&stock));
        assert_eq!(state(), "0", "the new one is closed, though the old one drains");
    }

    #[test]
    fn the_policies_of_a_service_stay_when_it_is_gone() {
        let (policies, orders, stock) = policies();
        let held = policies.get(&orders, &stock, rules(&stock));
        policies.forget_service(&orders);
        assert!(!Arc::ptr_eq(&held, &policies.get(&orders, &stock, rules(&stock))));
        assert_eq!(policies.snapshot(), []);
    }
}
