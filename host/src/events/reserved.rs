//! Headers of events that only Holm sets (pure).
//!
//! A guest cannot set a header that begins with `holm-`, in whatever case.

use holm_registry::ServiceName;
use holm_registry::event::Content;
use holm_registry::subject::SubjectPattern;

/// The one subscription that a replayed event is for: `SERVICE SUBJECT`.
pub const FOR: &str = "holm-for";

/// The value of a header.
pub fn value<'a>(content: &'a Content, name: &str) -> Option<&'a str> {
    content.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// The event, for one subscription alone.
#[must_use]
pub fn only_for(mut content: Content, service: &ServiceName, subject: &SubjectPattern) -> Content {
    content.headers.retain(|(name, _)| name != FOR);
    content.headers.push((FOR.to_owned(), target(service, subject)));
    content
}

/// Whether an event is for everybody, or for this subscription.
pub fn is_for(content: &Content, service: &ServiceName, subject: &SubjectPattern) -> bool {
    value(content, FOR).is_none_or(|only| only == target(service, subject))
}

fn target(service: &ServiceName, subject: &SubjectPattern) -> String {
    format!("{service} {}", subject.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::testing::content;
    use super::*;

    #[test]
    fn a_replayed_event_reaches_subscriptions_that_had_handled_it() {
        let service = |name: &str| name.parse::<ServiceName>().unwrap();
        let all: SubjectPattern = "orders.>".parse().unwrap();
        let created: SubjectPattern = "orders.created".parse().unwrap();
        let event = content("orders.created");
        assert!(is_for(&event, &service("stock"), &created) && is_for(&event, &service("mail"), &all));
        let replayed = only_for(event, &service("stock"), &created);
        assert!(is_for(&replayed, &service("stock"), &created));
        assert!(!is_for(&replayed, &service("stock"), &all) && !is_for(&replayed, &service("mail"), &created));
        let again = only_for(replayed, &service("mail"), &all);
        assert!(is_for(&again, &service("mail"), &all) && again.headers.len() == 1);
    }
}
