//! A check under way: results, silence and time become a status.
//!
//! ```text
//!              enough good results
//!  Critical ────────────────────────▶ Passing | Warning
//!     ▲  ◀────────────────────────────
//!     │        enough bad results, or a TTL that ran out
//!     └ critical for longer than `deregister_after`: the instance goes
//! ```

use std::time::{Duration, Instant};

use super::check::{CheckSpec, How, Status, clip_output};

/// A check and how it stands.
#[derive(Clone, Debug)]
pub struct Watched {
    spec: CheckSpec,
    status: Status,
    output: String,
    good_in_a_row: u32,
    bad_in_a_row: u32,
    critical_since: Option<Instant>,
    /// The next question, or the end of the TTL.
    next: Option<Instant>,
    /// A question is on its way: no second one.
    asked: bool,
}

/// What time has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Ask now.
    Ask,
    /// The TTL ran out: the check has just become critical.
    Silent,
    /// It has been critical for too long: the instance is to go.
    Gone,
}

/// Whether a status is another than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved(pub bool);

impl Watched {
    /// A check that was just registered: it is asked at once.
    pub fn new(spec: CheckSpec, now: Instant) -> Self {
        let status = spec.initial;
        Self::starting(spec, status, Duration::ZERO, now)
    }

    /// A check that was there before a restart, with the status that it had. `wait`: before the
    /// first question, so that not all are asked at once; an instance that reports by itself gets
    /// one whole TTL.
    pub fn restored(spec: CheckSpec, status: Status, wait: Duration, now: Instant) -> Self {
        Self::starting(spec, status, wait, now)
    }

    fn starting(spec: CheckSpec, status: Status, wait: Duration, now: Instant) -> Self {
        let next = match &spec.how {
            How::Http { .. } | How::Tcp { .. } => Some(now + wait),
            How::Ttl(ttl) => Some(now + *ttl),
            How::Host => None,
        };
        let critical_since = (status == Status::Critical).then_some(now);
        let (output, asked) = (String::new(), false);
        Self { spec, status, output, good_in_a_row: 0, bad_in_a_row: 0, critical_since, next, asked }
    }

    /// The same check under a new registration: an answer that is still on its way will not
    /// count any more, so it may be asked again.
    pub fn asked_anew(mut self) -> Self {
        self.asked = false;
        self
    }

    /// A check whose status the host itself says.
    pub fn told(spec: CheckSpec, status: Status, output: String, now: Instant) -> Self {
        Self { output: clip_output(output), ..Self::starting(spec, status, Duration::ZERO, now) }
    }

    /// What was registered.
    pub fn spec(&self) -> &CheckSpec {
        &self.spec
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What the last result said.
    pub fn output(&self) -> &str {
        &self.output
    }

    /// When [`Watched::look`] has something to say, at the earliest.
    pub fn next(&self) -> Option<Instant> {
        let gone = self.critical_since.and_then(|since| Some(since + self.spec.deregister_after?));
        let next = self.next.filter(|_| !self.asked);
        match (next, gone) {
            (Some(next), Some(gone)) => Some(next.min(gone)),
            (one, other) => one.or(other),
        }
    }

    /// What time has brought. After [`Due::Ask`] it waits for [`Watched::answered`].
    pub fn look(&mut self, now: Instant) -> Due {
        let is_over = |since: Instant| self.spec.deregister_after.is_some_and(|after| since + after <= now);
        if self.critical_since.is_some_and(is_over) {
            return Due::Gone;
        }
        if self.asked || self.next.is_none_or(|next| next > now) {
            return Due::Nothing;
        }
        if matches!(self.spec.how, How::Ttl(_)) {
            self.next = None;
            "TTL expired".clone_into(&mut self.output);
            return if self.follow(Status::Critical, now).0 { Due::Silent } else { Due::Nothing };
        }
        self.asked = true;
        Due::Ask
    }

    /// The answer to a question; the next one is asked after `pause`.
    pub fn answered(&mut self, result: Status, output: String, pause: Duration, now: Instant) -> Moved {
        self.asked = false;
        self.next = Some(now + pause);
        self.output = clip_output(output);
        match self.counted(result) {
            Some(status) => self.follow(status, now),
            None => Moved(false),
        }
    }

    /// What the instance says about itself. `None`: this check has no TTL, nobody reports to it.
    pub fn reported(&mut self, status: Status, output: String, now: Instant) -> Option<Moved> {
        let How::Ttl(ttl) = self.spec.how else { return None };
        self.next = Some(now + ttl);
        self.output = clip_output(output);
        Some(self.follow(status, now))
    }

    /// The status that a result leads to, when enough of its kind came in a row.
    fn counted(&mut self, result: Status) -> Option<Status> {
        let thresholds = self.spec.thresholds;
        if result == Status::Critical {
            self.good_in_a_row = 0;
            self.bad_in_a_row = self.bad_in_a_row.saturating_add(1);
            let reached = |threshold: u32| self.bad_in_a_row >= threshold;
            return if reached(thresholds.failures_before_critical) {
                Some(Status::Critical)
            } else {
                reached(thresholds.failures_before_warning).then_some(Status::Warning)
            };
        }
        self.bad_in_a_row = 0;
        self.good_in_a_row = self.good_in_a_row.saturating_add(1);
        (self.good_in_a_row >= thresholds.success_before_passing).then_some(result)
    }

    fn follow(&mut self, status: Status, now: Instant) -> Moved {
        let moved = self.status != status;
        self.status = status;
        if status != Status::Critical {
            self.critical_since = None;
        } else if moved || self.critical_since.is_none() {
            self.critical_since = Some(now);
        }
        Moved(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{Pace, Thresholds};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn spec(how: How) -> CheckSpec {
        CheckSpec {
            id: "service:a".to_owned(),
            name: "a".to_owned(),
            notes: String::new(),
            how,
            deregister_after: None,
            thresholds: Thresholds::default(),
            initial: Status::Critical,
        }
    }

    fn tcp() -> CheckSpec {
        let pace = Pace::new(10 * SECOND, None);
        spec(How::Tcp { address: "127.0.0.1:1".parse().unwrap(), pace })
    }

    fn answer(check: &mut Watched, status: Status, now: Instant) -> bool {
        assert_eq!(check.look(now), Due::Ask);
        check.answered(status, String::new(), 10 * SECOND, now).0
    }

    #[test]
    fn a_new_instance_is_asked_twice_at_once() {
        let now = Instant::now();
        let mut check = Watched::new(tcp(), now);
        assert_eq!((check.status(), check.look(now)), (Status::Critical, Due::Ask));
        assert_eq!((check.look(now + 60 * SECOND), check.next()), (Due::Nothing, None));
        assert!(check.answered(Status::Passing, "well".to_owned(), 10 * SECOND, now).0);
        assert_eq!((check.status(), check.output()), (Status::Passing, "well"));
        assert_eq!((check.look(now + 9 * SECOND), check.next()), (Due::Nothing, Some(now + 10 * SECOND)));
        assert_eq!(check.look(now + 10 * SECOND), Due::Ask);
    }

    #[test]
    fn one_lost_answer_takes_an_instance_out_that_asked_for_patience() {
        let thresholds =
            Thresholds { success_before_passing: 2, failures_before_warning: 2, failures_before_critical: 3 };
        let mut now = Instant::now();
        let mut check = Watched::new(CheckSpec { thresholds, ..tcp() }, now);
        let mut course = Vec::new();
        for good in [true, true, false, false, false, true, false, true, true] {
            answer(&mut check, if good { Status::Passing } else { Status::Critical }, now);
            course.push(check.status().as_str());
            now += 10 * SECOND;
        }
        let expected =
            ["critical", "passing", "passing", "warning", "critical", "critical", "critical", "critical", "passing"];
        assert_eq!(course, expected);
    }

    #[test]
    fn an_instance_that_falls_silent_stays_in_rotation() {
        let now = Instant::now();
        let mut check = Watched::new(spec(How::Ttl(10 * SECOND)), now);
        assert_eq!(check.reported(Status::Passing, String::new(), now), Some(Moved(true)));
        let later = now + 9 * SECOND;
        assert_eq!(
            (check.look(later), check.reported(Status::Passing, String::new(), later)),
            (Due::Nothing, Some(Moved(false)))
        );
        assert_eq!(check.look(now + 18 * SECOND), Due::Nothing);
        assert_eq!(check.look(now + 19 * SECOND), Due::Silent);
        assert_eq!((check.status(), check.output()), (Status::Critical, "TTL expired"));
        assert_eq!((check.look(now + 60 * SECOND), check.next()), (Due::Nothing, None));
        assert_eq!(check.reported(Status::Warning, "slow".to_owned(), now + 61 * SECOND), Some(Moved(true)));
    }

    #[test]
    fn nobody_can_report_for_a_check_that_the_host_asks() {
        let mut check = Watched::new(tcp(), Instant::now());
        assert_eq!(check.reported(Status::Passing, String::new(), Instant::now()), None);
    }

    #[test]
    fn a_dead_instance_is_never_deregistered() {
        let now = Instant::now();
        let mut check = Watched::new(CheckSpec { deregister_after: Some(25 * SECOND), ..tcp() }, now);
        for at in [0, 10, 20] {
            assert!(!answer(&mut check, Status::Critical, now + at * SECOND));
        }
        assert_eq!(check.next(), Some(now + 25 * SECOND));
        assert_eq!((check.look(now + 24 * SECOND), check.look(now + 25 * SECOND)), (Due::Nothing, Due::Gone));
    }

    #[test]
    fn an_instance_that_recovered_is_deregistered_for_its_past() {
        let now = Instant::now();
        let mut check = Watched::new(CheckSpec { deregister_after: Some(25 * SECOND), ..tcp() }, now);
        answer(&mut check, Status::Critical, now);
        answer(&mut check, Status::Passing, now + 10 * SECOND);
        answer(&mut check, Status::Critical, now + 20 * SECOND);
        assert_eq!(check.look(now + 44 * SECOND), Due::Ask);
        assert_eq!(check.look(now + 45 * SECOND), Due::Gone);
    }

    #[test]
    fn a_restart_takes_everybody_out_until_they_answer() {
        let now = Instant::now();
        let mut check = Watched::restored(tcp(), Status::Passing, 3 * SECOND, now);
        assert_eq!((check.status(), check.look(now)), (Status::Passing, Due::Nothing));
        assert_eq!(check.look(now + 3 * SECOND), Due::Ask);
        let silent = Watched::restored(spec(How::Ttl(10 * SECOND)), Status::Passing, Duration::ZERO, now);
        assert_eq!((silent.status(), silent.next()), (Status::Passing, Some(now + 10 * SECOND)));
    }
}
