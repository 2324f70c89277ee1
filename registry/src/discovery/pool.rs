//! The instances of one name as requests see them: how many are under way at each, who is left
//! out, whose turn it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::balance::{Balance, Choice};
use super::check::Status;
use super::ejection::{Standing, may_eject};
use super::registration::InstanceId;

/// One name's instances.
#[derive(Debug, Default)]
pub struct Pool {
    members: BTreeMap<InstanceId, Member>,
    turn: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    in_flight: u32,
    standing: Standing,
}

/// How a request ended, as far as its instance is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Any answer below 500.
    Good,
    /// No connection, no answer in time, or a status from 500 on (as Envoy counts).
    Failed,
    /// Nobody can tell: the client left first.
    Unknown,
}

impl Pool {
    /// Who gets the next request, which is under way from now on until [`Pool::ended`].
    ///
    /// Those that pass go before those that warn, and critical ones get nothing. When all that
    /// are left are ejected they are tried nevertheless.
    pub fn pick(
        &mut self,
        instances: &[(InstanceId, Status)],
        balance: &Balance,
        key: Option<&str>,
        now: Instant,
    ) -> Option<InstanceId> {
        self.follow(instances);
        let candidates = self.candidates(instances, now)?;
        let choices: Vec<Choice<'_>> =
            candidates.iter().map(|id| Choice { id: id.as_str(), in_flight: self.member(id).in_flight }).collect();
        let picked = (*candidates.get(balance.choose(&choices, key, self.turn)?)?).clone();
        self.turn = self.turn.wrapping_add(1);
        let member = self.members.entry(picked.clone()).or_default();
        member.in_flight = member.in_flight.saturating_add(1);
        Some(picked)
    }

    fn candidates<'a>(&self, instances: &'a [(InstanceId, Status)], now: Instant) -> Option<Vec<&'a InstanceId>> {
        let best = instances.iter().map(|(_, status)| *status).min().filter(|best| *best < Status::Critical)?;
        let well: Vec<&InstanceId> = instances.iter().filter(|(_, status)| *status == best).map(|(id, _)| id).collect();
        let is_in = |id: &&&InstanceId| !self.member(id).standing.is_ejected(now);
        let rotation: Vec<&InstanceId> = well.iter().filter(is_in).copied().collect();
        Some(if rotation.is_empty() { well } else { rotation })
    }

    fn member(&self, id: &InstanceId) -> Member {
        self.members.get(id).copied().unwrap_or_default()
    }

    /// Takes new instances in, and lets those go that have gone and have nothing under way.
    fn follow(&mut self, instances: &[(InstanceId, Status)]) {
        for (id, _) in instances.iter() {
            if !self.members.contains_key(id) {
                self.members.insert(id.clone(), Member::default());
            }
        }
        if self.members.len() > instances.len() {
            self.members.retain(|id, member| member.in_flight > 0 || instances.iter().any(|(known, _)| known == id));
        }
    }

    /// A request has ended. Answers for how long its instance is left out, when it is from now on.
    pub fn ended(&mut self, id: &InstanceId, outcome: Outcome, now: Instant) -> Option<Duration> {
        let ejected = self.members.values().filter(|member| member.standing.is_ejected(now)).count();
        let may_eject = may_eject(ejected, self.members.len());
        let member = self.members.get_mut(id)?;
        member.in_flight = member.in_flight.saturating_sub(1);
        match outcome {
            Outcome::Good => member.standing.succeeded(),
            Outcome::Failed => return member.standing.failed(may_eject, now),
            Outcome::Unknown => {}
        }
        None
    }

    /// Requests under way at an instance, and whether it is left out.
    pub fn load(&self, id: &InstanceId, now: Instant) -> (u32, bool) {
        let Member { in_flight, standing } = self.member(id);
        (in_flight, standing.is_ejected(now))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ejection::{BASE, FAILURES, MOST_PERCENT};
    use super::*;

    fn instances(statuses: &[Status]) -> Vec<(InstanceId, Status)> {
        statuses.iter().enumerate().map(|(at, status)| (InstanceId::new(format!("users-{at}")), *status)).collect()
    }

    fn fail(pool: &mut Pool, id: &str, now: Instant) {
        for _ in 0..FAILURES {
            pool.ended(&InstanceId::new(id), Outcome::Failed, now);
        }
    }

    #[test]
    fn a_critical_instance_gets_requests() {
        use Status::{Critical, Passing, Warning};
        let now = Instant::now();
        let mut pool = Pool::default();
        let mut pick = |statuses: &[Status]| {
            pool.pick(&instances(statuses), &Balance::LeastInFlight, None, now).map(|id| id.to_string())
        };
        assert_eq!(pick(&[Critical, Passing, Warning]).as_deref(), Some("users-1"));
        assert_eq!(pick(&[Critical, Critical, Warning]).as_deref(), Some("users-2"));
        assert_eq!((pick(&[Critical, Critical]), pick(&[])), (None, None));
    }

    #[test]
    fn an_instance_that_fails_all_requests_stays_in_rotation() {
        let now = Instant::now();
        let mut pool = Pool::default();
        let both = instances(&[Status::Passing, Status::Passing]);
        let pick = |pool: &mut Pool, now| pool.pick(&both, &Balance::RoundRobin, None, now).unwrap().to_string();
        pick(&mut pool, now);
        fail(&mut pool, "users-0", now);
        assert_eq!([(); 3].map(|()| pick(&mut pool, now)), ["users-1", "users-1", "users-1"]);
        fail(&mut pool, "users-1", now);
        assert_eq!(pick(&mut pool, now), "users-1", "half of them carry on");
        let both_again = [(); 2].map(|()| pick(&mut pool, now + BASE));
        assert_ne!(both_again[0], both_again[1]);
    }

    #[test]
    fn nobody_is_asked_when_the_only_one_that_is_well_is_ejected() {
        let now = Instant::now();
        let mut pool = Pool::default();
        let pick =
            |pool: &mut Pool, statuses: &[Status]| pool.pick(&instances(statuses), &Balance::RoundRobin, None, now);
        pick(&mut pool, &[Status::Passing, Status::Passing]).unwrap();
        fail(&mut pool, "users-0", now);
        assert_eq!(pick(&mut pool, &[Status::Passing, Status::Critical]).unwrap().as_str(), "users-0");
    }

    #[test]
    fn what_a_client_that_left_began_counts_against_the_instance() {
        let now = Instant::now();
        let mut pool = Pool::default();
        let both = instances(&[Status::Passing, Status::Passing]);
        let id = pool.pick(&both, &Balance::LeastInFlight, None, now).unwrap();
        assert_eq!(pool.load(&id, now), (1, false));
        for _ in 0..20 {
            pool.ended(&id, Outcome::Unknown, now);
        }
        assert_eq!(pool.load(&id, now), (0, false));
    }

    proptest! {
        #[test]
        fn more_than_half_of_the_instances_are_ejected(
            count in 1usize..8,
            steps in proptest::collection::vec((0usize..8, 0u8..3, 0u64..20), 1..200),
        ) {
            let all = instances(&vec![Status::Passing; count]);
            let mut pool = Pool::default();
            let mut now = Instant::now();
            for (at, outcome, seconds) in steps {
                now += Duration::from_secs(seconds);
                let picked = pool.pick(&all, &Balance::LeastInFlight, None, now);
                prop_assert!(picked.is_some());
                let outcome = [Outcome::Failed, Outcome::Failed, Outcome::Good][usize::from(outcome)];
                pool.ended(&all[at % count].0, outcome, now);
                let out = all.iter().filter(|(id, _)| pool.load(id, now).1).count();
                prop_assert!(out * 100 <= count * MOST_PERCENT, "{out} of {count}");
            }
        }
    }
}
