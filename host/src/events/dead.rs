//! Dead letters: events that a subscription could not handle, each with why (pure).
//!
//! A dead letter is kept as the event itself with headers that only Holm sets, so that whatever reads events
//! reads dead letters.

use std::str::FromStr;

use holm_registry::ServiceName;
use holm_registry::event::Content;
use holm_registry::store::{Position, Sequence};
use holm_registry::subject::SubjectPattern;
use thiserror::Error;

use super::reserved;

const PREFIX: &str = "holm-dead-";
const ID: &str = "holm-dead-id";
const SERVICE: &str = "holm-dead-service";
const SUBJECT: &str = "holm-dead-subscription";
const REASON: &str = "holm-dead-reason";
const ATTEMPTS: &str = "holm-dead-attempts";
const TIME: &str = "holm-dead-time";
/// Longest reason that is kept, in bytes: a trap with some frames.
const LONGEST_REASON: usize = 2 << 10;

/// One dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The id of the event as it was delivered.
    pub id: String,
    /// Which service did not handle it,
    pub service: ServiceName,
    /// and which of its subscriptions.
    pub subject: SubjectPattern,
    /// Why.
    pub reason: String,
    /// After how many attempts.
    pub attempts: u32,
    /// When it was given up, in milliseconds since 1970.
    pub time: u64,
    /// The event.
    pub event: Content,
}

/// The number of a dead letter: where it lies in its log, `SEQUENCE-INDEX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub Position);

/// A text that is no [`Number`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not the number of a dead letter; it looks like `812-0`, see `holm events dlq ls`")]
pub struct NotANumber(pub String);

impl DeadLetter {
    /// As it is kept.
    pub fn to_content(&self) -> Content {
        let mut content = self.event.clone();
        let mut add = |name: &str, value: String| content.headers.push((name.to_owned(), value));
        add(ID, self.id.clone());
        add(SERVICE, self.service.to_string());
        add(SUBJECT, self.subject.as_str().to_owned());
        add(REASON, shortened(&self.reason).to_owned());
        add(ATTEMPTS, self.attempts.to_string());
        add(TIME, self.time.to_string());
        content
    }

    /// What was kept; `None`: it is no dead letter.
    pub fn from_content(mut content: Content) -> Option<Self> {
        let text = |name| reserved::value(&content, name);
        let letter = Self {
            id: text(ID)?.to_owned(),
            service: text(SERVICE)?.parse().ok()?,
            subject: text(SUBJECT)?.parse().ok()?,
            reason: text(REASON)?.to_owned(),
            attempts: text(ATTEMPTS)?.parse().ok()?,
            time: text(TIME)?.parse().ok()?,
            event: content.clone(),
        };
        content.headers.retain(|(name, _)| !name.starts_with(PREFIX));
        Some(Self { event: content, ..letter })
    }

    /// The event to be published once more, for the subscription that has failed.
    pub fn replayed(self) -> Content {
        reserved::only_for(self.event, &self.service, &self.subject)
    }
}

fn shortened(reason: &str) -> &str {
    reason.get(..reason.floor_char_boundary(LONGEST_REASON)).unwrap_or(reason)
}

impl FromStr for Number {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let read = || {
            let (sequence, index) = text.split_once('-')?;
            Some(Position { sequence: Sequence(sequence.parse().ok()?), index: index.parse().ok()? })
        };
        read().map(Self).ok_or_else(|| NotANumber(text.to_owned()))
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0.sequence, self.0.index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::keyed;
    use super::*;

    fn letter() -> DeadLetter {
        let mut event = keyed("orders.created", "o-1");
        event.headers.push(("x-tenant".to_owned(), "7".to_owned()));
        let (service, subject) = ("stock".parse().unwrap(), "orders.*".parse().unwrap());
        let (id, reason) = ("s-4-0".to_owned(), "no".to_owned());
        DeadLetter { id, service, subject, reason, attempts: 5, time: 9, event }
    }

    #[test]
    fn a_dead_letter_changes_in_the_store() {
        let letter = letter();
        assert_eq!(DeadLetter::from_content(letter.event.clone()), None);
        assert_eq!(DeadLetter::from_content(letter.to_content()), Some(letter));
    }

    #[test]
    fn an_endless_reason_fills_the_log() {
        let endless = DeadLetter { reason: "é".repeat(10_000), ..letter() };
        let kept = DeadLetter::from_content(endless.to_content()).unwrap();
        assert_eq!(kept.reason.len(), LONGEST_REASON);
    }

    #[test]
    fn a_replayed_event_tells_handlers_that_it_was_dead() {
        let letter = DeadLetter::from_content(letter().to_content()).unwrap();
        let replayed = letter.clone().replayed();
        assert!(replayed.headers.iter().all(|(name, _)| !name.starts_with(PREFIX)));
        assert_eq!((replayed.key.as_deref(), replayed.time), (Some("o-1"), letter.event.time));
        assert!(reserved::is_for(&replayed, &letter.service, &letter.subject));
    }

    #[test]
    fn the_number_of_a_dead_letter_is_not_read_back() {
        let number = Number(Position { sequence: Sequence(812), index: 3 });
        assert_eq!(number.to_string().parse(), Ok(number));
        for bad in ["", "812", "-", "812-", "a-1", "1-2-3", "-1-2"] {
            assert!(bad.parse::<Number>().is_err(), "{bad}");
        }
    }
}
