//! `retry`, `breaker`, `bulkhead` and `fallback` of a rule, in the words of a service's calls.

use toml::Spanned;

use super::target;
use crate::manifest::calls::{RawAllCalls, bulkhead};
use crate::manifest::section::Section;
use crate::route::{RoutePolicy, Target};
use crate::settings::{BulkheadSettings, Settings};

/// `None` for what is not written.
#[derive(Default)]
pub(super) struct RawPolicy {
    calls: RawAllCalls,
    bulkhead: Option<BulkheadSettings>,
    fallback: Option<Spanned<Target>>,
}

impl RawPolicy {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let calls = RawAllCalls::read(section);
        let bulkhead = section.section("bulkhead", "{ concurrency = 64, queue = 128 }").and_then(bulkhead);
        let fallback = section.section("fallback", "{ respond = { status = 200, json = { name = \"unknown\" } } }");
        let fallback = fallback.and_then(|mut section| {
            let target = target::target(&mut section);
            section.finish();
            target
        });
        Self { calls, bulkhead, fallback }
    }

    /// Who stands in, with the place where it is written.
    pub(super) fn fallback(&self) -> Option<&Spanned<Target>> {
        self.fallback.as_ref()
    }

    /// A rule's own word, else the defaults', key by key; what neither has is not there.
    pub(super) fn over(&self, defaults: &Self) -> RoutePolicy {
        let mut filled = Settings::default();
        defaults.calls.apply(&mut filled);
        self.calls.apply(&mut filled);
        RoutePolicy {
            retry: (self.calls.has_retry() || defaults.calls.has_retry()).then_some(filled.retry),
            breaker: (self.calls.has_breaker() || defaults.calls.has_breaker()).then_some(filled.breaker),
            bulkhead: self.bulkhead.clone().or_else(|| defaults.bulkhead.clone()),
            fallback: self.fallback().or(defaults.fallback()).map(|target| Box::new(target.get_ref().clone())),
        }
    }
}
