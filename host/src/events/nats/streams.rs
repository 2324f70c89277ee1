//! Which stream takes a subject.
//!
//! Holm has one stream for the events of its services. It takes what they publish and subscribe to, as they come
//! to need it, and nothing else: whatever a stream takes it answers, so a pattern too many would put answers
//! between others and their servers. What a stream of somebody else takes already is used from there.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use holm_registry::subject::{Subject, SubjectPattern};
use serde_json::{Value, json};

use super::api::{ask, ask_all, code, number, text};
use super::choose::{Choice, Taker, choose};
use super::config::{DEAD, EVENTS, MOST_SUBJECTS, PLACEHOLDER, Wanted};
use super::confirm::{differences, list};
use super::cover::{can_be_taken, union};
use super::link::Link;
use crate::events::bus::BusError;

/// What services may publish now: their grants.
pub type Publishes = Box<dyn Fn() -> Vec<SubjectPattern> + Send + Sync>;

/// The streams of the account, as far as Holm uses them.
pub struct Streams {
    link: Link,
    publishes: Publishes,
    events: Wanted,
    dead: Wanted,
    known: Mutex<Known>,
    /// Held while the stream is changed: each change begins with what is there.
    changing: tokio::sync::Mutex<()>,
}

/// What was found out, for as long as nothing contradicts it.
#[derive(Default)]
struct Known {
    /// Subjects of Holm's stream.
    own: Vec<SubjectPattern>,
    /// Patterns that lie within a stream of somebody else.
    others: Vec<(SubjectPattern, String)>,
}

impl Streams {
    /// Nothing is known yet.
    pub fn new(link: Link, events: Wanted, dead: Wanted, publishes: Publishes) -> Self {
        let (known, changing) = Default::default();
        Self { link, publishes, events, dead, known, changing }
    }

    /// Makes Holm's streams where there are none, and looks at those that there are. Answers with how long events
    /// are kept; zero: for ever.
    ///
    /// # Errors
    /// When there can be none, or they are not as Holm needs them. Nothing was changed then.
    pub async fn prepare(&self) -> Result<Duration, BusError> {
        let _one = self.changing.lock().await;
        let config = self.find_or_make(&self.events, &[PLACEHOLDER]).await?;
        self.find_or_make(&self.dead, &[&format!("{}.>", super::config::DEAD_SUBJECTS)]).await?;
        *self.known() = Known { own: subjects(&config), others: Vec::new() };
        Ok(Duration::from_nanos(number(&config, "max_age")))
    }

    /// The stream for a subscription; Holm's takes its subjects from now on, if nobody else does.
    ///
    /// # Errors
    /// When there can be none.
    pub async fn of_pattern(&self, pattern: &SubjectPattern) -> Result<String, BusError> {
        if !can_be_taken(pattern) {
            // of what begins with just anything, it gets what Holm's stream takes for other reasons
            return Ok(EVENTS.to_owned());
        }
        let _one = self.changing.lock().await;
        if let Some(known) = self.known().takes(pattern) {
            return Ok(known);
        }
        match choose(pattern, &self.takers(pattern).await?)? {
            Choice::Other(stream) => Ok(self.known().remember(pattern, stream)),
            Choice::Own => self.take(std::slice::from_ref(pattern)).await,
        }
    }

    /// The stream for an event. Where none takes it yet, Holm's does, with everything that the same grant allows.
    ///
    /// # Errors
    /// When there can be none.
    pub async fn of_subject(&self, subject: &Subject) -> Result<String, BusError> {
        let literal = literal(subject)?;
        let _one = self.changing.lock().await;
        if let Some(known) = self.known().takes(&literal) {
            return Ok(known);
        }
        if let Choice::Other(stream) = choose(&literal, &self.takers(&literal).await?)? {
            return Ok(self.known().remember(&literal, stream));
        }
        let granted =
            (self.publishes)().into_iter().filter(|granted| granted.matches(subject) && can_be_taken(granted));
        for granted in granted {
            if self.takers(&granted).await?.is_empty() {
                return self.take(&[granted]).await;
            }
        }
        self.take(&[literal]).await
    }

    /// The stream for an event, if that is known already.
    pub fn known_for(&self, subject: &Subject) -> Option<String> {
        self.known().takes(&literal(subject).ok()?)
    }

    /// Something was not as it was known: all of it is found out anew.
    pub fn forget(&self) {
        *self.known() = Known::default();
    }

    /// Holm's streams, and all others that it uses.
    pub fn used(&self) -> Vec<String> {
        let mut used: Vec<String> = self.known().others.iter().map(|(_, stream)| stream.clone()).collect();
        used.extend([EVENTS, DEAD].map(str::to_owned));
        used.sort();
        used.dedup();
        used
    }

    async fn find_or_make(&self, wanted: &Wanted, subjects: &[&str]) -> Result<Value, BusError> {
        let name = wanted.name;
        let answer = match ask(&self.link, &format!("STREAM.INFO.{name}"), &Value::Null).await {
            Err(error) if error.is(code::NO_STREAM) => {
                let made = ask(&self.link, &format!("STREAM.CREATE.{name}"), &wanted.config(subjects)).await;
                match made {
                    // another host was quicker
                    Err(error) if error.is(code::NAME_IN_USE) => {
                        ask(&self.link, &format!("STREAM.INFO.{name}"), &Value::Null).await?
                    }
                    made => made?,
                }
            }
            found => found?,
        };
        let config = answer.get("config").cloned().unwrap_or_default();
        check(wanted, &config)?;
        Ok(config)
    }

    /// The other streams that take some of a pattern.
    async fn takers(&self, pattern: &SubjectPattern) -> Result<Vec<Taker>, BusError> {
        let found = ask_all(&self.link, "STREAM.LIST", json!({ "subject": pattern.as_str() }), "streams").await?;
        let configs = found.iter().filter_map(|stream| stream.get("config"));
        let takers =
            configs.map(|config| Taker { stream: text(config, "name").to_owned(), subjects: subjects(config) });
        Ok(takers.filter(|taker| taker.stream != EVENTS).collect())
    }

    /// Adds to the subjects of Holm's stream.
    async fn take(&self, more: &[SubjectPattern]) -> Result<String, BusError> {
        let info = ask(&self.link, &format!("STREAM.INFO.{EVENTS}"), &Value::Null).await?;
        let mut config = info.get("config").cloned().unwrap_or_default();
        let wanted = union(subjects(&config).into_iter().chain(more.iter().cloned()));
        if wanted.len() > MOST_SUBJECTS {
            return Err(BusError::Refused(format!(
                "the stream {EVENTS} takes {MOST_SUBJECTS} subjects already and cannot take `{}`, too; \
                 give services wider grants to publish, `orders.*` instead of each subject",
                more.first().map(SubjectPattern::as_str).unwrap_or_default()
            )));
        }
        if let Some(config) = config.as_object_mut() {
            config.insert("subjects".to_owned(), json!(wanted));
        }
        let answer = ask(&self.link, &format!("STREAM.UPDATE.{EVENTS}"), &config).await?;
        let now = subjects(answer.get("config").unwrap_or(&Value::Null));
        let taken = more.iter().all(|pattern| now.iter().any(|own| own.covers(pattern)));
        self.known().own = now;
        match taken {
            true => Ok(EVENTS.to_owned()),
            false => Err(BusError::Away(format!("somebody else changes the stream {EVENTS}"))),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn takes(&self, pattern: &SubjectPattern) -> Option<String> {
        if self.own.iter().any(|own| own.covers(pattern)) {
            return Some(EVENTS.to_owned());
        }
        let other = self.others.iter().find(|(own, _)| own.covers(pattern));
        other.map(|(_, stream)| stream.clone())
    }

    fn remember(&mut self, pattern: &SubjectPattern, stream: String) -> String {
        if self.others.len() >= MOST_SUBJECTS {
            self.others.clear();
        }
        self.others.push((pattern.clone(), stream.clone()));
        stream
    }
}

/// A subject is a pattern of one.
fn literal(subject: &Subject) -> Result<SubjectPattern, BusError> {
    subject.as_str().parse().map_err(|error| BusError::Refused(format!("{error}")))
}

/// Subjects of a configuration. Those that are too long for Holm's events are nothing to it.
fn subjects(config: &Value) -> Vec<SubjectPattern> {
    let all = config.get("subjects").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|subject| subject.as_str()?.parse().ok()).collect()
}

/// What Holm relies on must be so; what it would only have set otherwise is told and stays.
fn check(wanted: &Wanted, config: &Value) -> Result<(), BusError> {
    let name = wanted.name;
    let needed = differences(&wanted.needed(), config);
    if !needed.is_empty() {
        return Err(BusError::Refused(format!(
            "the stream {name} is there already and is not what Holm needs: {}; change it, or remove it and Holm \
             makes another one. Nothing was changed",
            list(&needed)
        )));
    }
    let limits = differences(&wanted.limits(), config);
    if !limits.is_empty() {
        tracing::info!(stream = name, "the stream was set up differently and stays as it is: {}", list(&limits));
    }
    Ok(())
}
