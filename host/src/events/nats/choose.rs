//! From which stream a subscription takes its events (pure).

use holm_registry::subject::SubjectPattern;

use super::config::EVENTS;
use super::cover::overlap;
use crate::events::bus::BusError;

/// A stream that is not Holm's, and what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taker {
    /// Its name.
    pub stream: String,
    /// Its subjects.
    pub subjects: Vec<SubjectPattern>,
}

/// Where the events of a pattern are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// In Holm's stream, which has to take them.
    Own,
    /// In this one.
    Other(String),
}

/// Chooses. No two streams take one subject, so there is one that takes all of the pattern, or none does, or
/// Holm's cannot take the rest.
///
/// # Errors
/// When others take some of the pattern and nobody all of it.
pub fn choose(pattern: &SubjectPattern, takers: &[Taker]) -> Result<Choice, BusError> {
    let all = |taker: &&Taker| taker.subjects.iter().any(|own| own.covers(pattern));
    if let Some(taker) = takers.iter().find(all) {
        return Ok(Choice::Other(taker.stream.clone()));
    }
    let some = |taker: &Taker| {
        let own = taker.subjects.iter().find(|own| overlap(own, pattern))?;
        Some(format!("the stream {} takes `{own}`", taker.stream))
    };
    let conflicts: Vec<String> = takers.iter().filter_map(some).collect();
    if conflicts.is_empty() {
        return Ok(Choice::Own);
    }
    Err(BusError::Refused(format!(
        "{} already, which is a part of `{pattern}`, and no subject can be in two streams; subscribe to the parts one \
         by one, or let one stream take all of `{pattern}` ({EVENTS}, once the others are gone)",
        conflicts.join(" and ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taker(stream: &str, subjects: &[&str]) -> Taker {
        Taker { stream: stream.to_owned(), subjects: subjects.iter().map(|text| text.parse().unwrap()).collect() }
    }

    #[test]
    fn a_subscription_misses_what_another_stream_has() {
        let takers = [taker("SHOP", &["cart.*", "orders.>"]), taker("LOG", &["log.a", "log.b"])];
        let chosen = |text: &str| choose(&text.parse().unwrap(), &takers).map_err(|error| error.to_string());
        assert_eq!(chosen("orders.created"), Ok(Choice::Other("SHOP".to_owned())));
        assert_eq!(chosen("orders.>"), Ok(Choice::Other("SHOP".to_owned())));
        assert_eq!(chosen("stock.*"), Ok(Choice::Own));
        let refused = chosen("log.*").unwrap_err();
        assert!(refused.starts_with("the stream LOG takes `log.a` already, which is a part of `log.*`"), "{refused}");
        assert!(chosen("*.*").unwrap_err().contains("the stream SHOP takes `cart.*` and the stream LOG"));
    }
}
