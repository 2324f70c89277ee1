//! Which subscriptions have fallen behind, so that it is said once (pure).

use std::collections::BTreeSet;

use super::bus::WINDOW;
use super::subscriptions::Name;

/// From so many events that wait on, a subscription is behind: as many as it may have under way.
const BEHIND: u64 = WINDOW as u64;
/// Below so many it has caught up.
const CAUGHT_UP: u64 = BEHIND / 10;

/// Those that are behind.
#[derive(Default)]
pub struct Lag(BTreeSet<Name>);

/// What there is to say.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// It falls behind.
    Behind,
    /// It does not any more.
    CaughtUp,
}

impl Lag {
    /// So many events wait for a subscription.
    pub fn note(&mut self, name: &Name, lag: u64) -> Option<Change> {
        if lag >= BEHIND {
            return self.0.insert(name.clone()).then_some(Change::Behind);
        }
        (lag < CAUGHT_UP && self.0.remove(name)).then_some(Change::CaughtUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_that_falls_behind_is_not_told_of_or_all_the_time() {
        let name = ("stock".parse().unwrap(), "orders.*".parse().unwrap());
        let mut lag = Lag::default();
        let told: Vec<_> = [0, 999, 1000, 5000, 500, 1000, 99, 0].map(|events| lag.note(&name, events)).into();
        let (behind, caught_up) = (Some(Change::Behind), Some(Change::CaughtUp));
        assert_eq!(told, [None, None, behind, None, None, None, caught_up, None]);
    }
}
