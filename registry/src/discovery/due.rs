//! What is to be asked now, what comes back, and what has run out.

use std::time::{Duration, Instant};

use super::check::{How, Status};
use super::directory::Directory;
use super::instance::Owner;
use super::registration::InstanceId;
use super::watched::Due;

/// Something to ask now.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Whose check it is.
    pub instance: InstanceId,
    /// Which check.
    pub check: String,
    /// What to ask.
    pub how: How,
    /// An operator wrote the address into a manifest. Otherwise anybody who may register has
    /// named it, and the allow-list decides.
    pub trusted: bool,
    registered: u64,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A check has another status.
    Moved {
        /// Whose check.
        instance: InstanceId,
        /// Which one.
        check: String,
        /// What it is now.
        status: Status,
        /// What the result said.
        output: String,
    },
    /// The instance was critical for too long, and is deregistered.
    Gone(InstanceId),
}

/// What time has brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// To ask; each is answered by [`Directory::answered`].
    pub questions: Vec<Question>,
    /// What has changed by itself.
    pub changes: Vec<Change>,
}

impl Directory {
    /// When [`Directory::due`] has something to say, at the earliest.
    pub fn next(&self) -> Option<Instant> {
        self.instances.values().flat_map(|instance| &instance.checks).filter_map(|check| check.next()).min()
    }

    /// What time has brought.
    pub fn due(&mut self, now: Instant) -> Work {
        let mut work = Work::default();
        let mut gone = Vec::new();
        for (id, instance) in &mut self.instances {
            let trusted = instance.owner != Owner::Client;
            for check in &mut instance.checks {
                match check.look(now) {
                    Due::Nothing => {}
                    Due::Gone => gone.push(id.clone()),
                    Due::Silent => work.changes.push(Change::Moved {
                        instance: id.clone(),
                        check: check.spec().id.clone(),
                        status: check.status(),
                        output: check.output().to_owned(),
                    }),
                    Due::Ask => work.questions.push(Question {
                        instance: id.clone(),
                        check: check.spec().id.clone(),
                        how: check.spec().how.clone(),
                        trusted,
                        registered: instance.registered,
                    }),
                }
            }
        }
        self.settle(&mut work, gone);
        work
    }

    fn settle(&mut self, work: &mut Work, mut gone: Vec<InstanceId>) {
        gone.dedup();
        for change in &work.changes {
            if let Change::Moved { instance, .. } = change {
                self.touch(instance);
            }
        }
        for id in gone {
            self.remove(&id);
            work.questions.retain(|question| question.instance != id);
            work.changes.push(Change::Gone(id));
        }
    }

    /// The answer to a question; the next one is asked after `pause`. An answer about an instance
    /// that has gone, or was registered anew meanwhile, counts for nothing.
    pub fn answered(
        &mut self,
        question: &Question,
        status: Status,
        output: String,
        pause: Duration,
        now: Instant,
    ) -> Option<Change> {
        let instance = self.instances.get_mut(&question.instance)?;
        if instance.registered != question.registered {
            return None;
        }
        let check = instance.checks.iter_mut().find(|check| check.spec().id == question.check)?;
        let moved = check.answered(status, output, pause, now);
        let change = Change::Moved {
            instance: question.instance.clone(),
            check: question.check.clone(),
            status: check.status(),
            output: check.output().to_owned(),
        };
        moved.0.then(|| self.touch(&question.instance))?;
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{CheckSpec, Pace, Thresholds};
    use super::super::registration::{Registration, Weights};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn users(id: &str, how: How) -> Registration {
        let check = CheckSpec {
            id: format!("service:{id}"),
            name: String::new(),
            notes: String::new(),
            how,
            deregister_after: Some(30 * SECOND),
            thresholds: Thresholds::default(),
            initial: Status::Critical,
        };
        Registration {
            id: InstanceId::new(id),
            name: "users".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: 3000,
            tags: Vec::new(),
            meta: Default::default(),
            weights: Weights::default(),
            checks: vec![check],
            url: None,
        }
    }

    fn tcp() -> How {
        How::Tcp { address: "127.0.0.1:3000".parse().unwrap(), pace: Pace::new(10 * SECOND, None) }
    }

    fn answer(directory: &mut Directory, question: &Question, status: Status, now: Instant) -> bool {
        directory.answered(question, status, String::new(), 10 * SECOND, now).is_some()
    }

    #[test]
    fn a_change_of_status_wakes_nobody() {
        let now = Instant::now();
        let mut directory = Directory::new(1);
        directory.register(users("a", tcp()), now).unwrap();
        let before = directory.index_of("users");
        let question = directory.due(now).questions.pop().unwrap();
        assert!(!question.trusted);
        assert!(answer(&mut directory, &question, Status::Passing, now));
        assert!(directory.index_of("users") > before);
        let before = directory.index();
        let question = directory.due(now + 10 * SECOND).questions.pop().unwrap();
        assert!(!answer(&mut directory, &question, Status::Passing, now));
        assert_eq!(directory.index(), before);
    }

    #[test]
    fn an_answer_about_an_older_registration_counts() {
        let now = Instant::now();
        let mut directory = Directory::new(1);
        directory.register(users("a", tcp()), now).unwrap();
        let old = directory.due(now).questions.pop().unwrap();
        directory.register(Registration { port: 4000, ..users("a", tcp()) }, now).unwrap();
        assert!(!answer(&mut directory, &old, Status::Passing, now));
        let new = directory.due(now).questions.pop().expect("it is asked anew");
        assert!(answer(&mut directory, &new, Status::Passing, now));
        directory.deregister("a").unwrap();
        assert!(!answer(&mut directory, &new, Status::Critical, now));
    }

    #[test]
    fn a_silent_instance_is_neither_critical_nor_gone() {
        let now = Instant::now();
        let mut directory = Directory::new(1);
        directory.register(users("a", How::Ttl(10 * SECOND)), now).unwrap();
        directory.report("service:a", Status::Passing, String::new(), now).unwrap();
        assert_eq!(directory.next(), Some(now + 10 * SECOND));
        let work = directory.due(now + 10 * SECOND);
        assert!(matches!(work.changes.as_slice(), [Change::Moved { status: Status::Critical, .. }]), "{work:?}");
        assert_eq!(directory.due(now + 39 * SECOND), Work::default());
        let work = directory.due(now + 40 * SECOND);
        assert_eq!(work.changes, [Change::Gone(InstanceId::new("a"))]);
        assert_eq!((directory.named("users").count(), directory.next()), (0, None));
    }
}
