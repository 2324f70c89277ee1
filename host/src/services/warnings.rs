//! What is probably a mistake although it is deployed: said to whoever deploys it.

use std::sync::Arc;

use holm_registry::settings::Settings;

use super::Table;
use crate::runtime::Revision;

/// What there is to say about a revision among those that are live.
pub(super) fn warnings(table: &Table, revision: &Arc<Revision>) -> Vec<String> {
    let others: Vec<&Settings> = table.services.values().map(|live| live.settings()).collect();
    of_events(revision.settings(), revision.publishes_events(), &others)
}

/// A service that cannot publish although it means to, and one that waits for what nobody says. No more than a
/// hint: events may also come from outside.
fn of_events(settings: &Settings, publishes: bool, live: &[&Settings]) -> Vec<String> {
    let mut found = Vec::new();
    if publishes && settings.grants.publish.is_empty() {
        found.push(
            "it imports an interface for publishing events, but may not publish any: grant subjects, as in grants.publish = [\"orders.*\"]"
                .to_owned(),
        );
    }
    for subscription in &settings.subscribe {
        let subject = &subscription.subject;
        let granted = live.iter().flat_map(|settings| &settings.grants.publish);
        if !granted.clone().any(|granted| granted.meets(subject)) {
            found.push(format!(
                "it subscribes to {subject}, which no service may publish to: no grants.publish of a live one meets it"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use holm_registry::settings::Subscribe;

    use super::*;

    fn settings(publish: &[&str], subscribe: &[&str]) -> Settings {
        let mut settings = Settings::default();
        settings.grants.publish = publish.iter().map(|text| text.parse().unwrap()).collect();
        settings.subscribe = subscribe.iter().map(|text| Subscribe::new(text.parse().unwrap())).collect();
        settings
    }

    #[test]
    fn a_subscription_to_what_nobody_says_goes_unnoticed() {
        let orders = settings(&["orders.*"], &[]);
        let stock = settings(&[], &["orders.created", "payments.*.declined", "*.created"]);
        let found = of_events(&stock, false, &[&orders, &stock]);
        assert!(found.len() == 1 && found[0].contains("payments.*.declined"), "{found:?}");
        assert_eq!(of_events(&orders, true, &[&orders]), Vec::<String>::new());
    }

    #[test]
    fn a_publisher_without_a_grant_goes_unnoticed() {
        let found = of_events(&settings(&[], &[]), true, &[]);
        assert!(found.len() == 1 && found[0].contains("grants.publish"), "{found:?}");
        assert!(of_events(&settings(&[], &[]), false, &[]).is_empty());
    }
}
