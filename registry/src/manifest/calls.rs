//! `[defaults]`, `[service.X]` and `[service.X.calls."…"]`: how a service calls others.
//!
//! A call's breaker and retry are filled in key by key from its service's, and those from
//! `[defaults]`.

use std::time::Duration;

use toml::Spanned;

use super::section::Section;
use crate::settings::{
    BreakerSettings, BulkheadSettings, CallSettings, CallTarget, Fallback, FallbackKeys, RetrySettings, Settings,
};
use crate::template::Template;
use crate::wit::FunctionName;

/// What `[defaults]` and `[service.X]` say about all calls.
#[derive(Default)]
pub(super) struct RawAllCalls {
    breaker: Option<RawBreaker>,
    retry: Option<RawRetry>,
}

/// `[service.X.calls."…"]`, without what is still to be filled in.
pub(super) struct RawCall {
    target: CallTarget,
    settings: CallSettings,
    all: RawAllCalls,
}

#[derive(Default)]
struct RawBreaker {
    error_threshold: Option<u32>,
    volume_threshold: Option<u32>,
    window: Option<Duration>,
    reset_timeout: Option<Duration>,
}

#[derive(Default)]
struct RawRetry {
    attempts: Option<u32>,
    backoff: Option<Duration>,
    budget: Option<f64>,
}

impl RawAllCalls {
    /// Reads the keys `breaker` and `retry` of a section.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        Self {
            breaker: section.section("breaker", "{ error_threshold = 50, reset_timeout = \"30s\" }").map(breaker),
            retry: section.section("retry", "{ attempts = 2, backoff = \"50ms\" }").map(retry),
        }
    }

    /// Whether something is said about retries.
    pub(super) fn has_retry(&self) -> bool {
        self.retry.is_some()
    }

    /// Whether something is said about a breaker.
    pub(super) fn has_breaker(&self) -> bool {
        self.breaker.is_some()
    }

    /// Fills in what was said here.
    pub(super) fn apply(&self, settings: &mut Settings) {
        if let Some(own) = &self.breaker {
            settings.breaker = own.over(&settings.breaker);
        }
        if let Some(own) = &self.retry {
            settings.retry = own.over(&settings.retry);
        }
    }
}

impl RawCall {
    /// Adds the target to settings whose own breaker and retry are complete.
    pub(super) fn apply(&self, settings: &mut Settings) {
        let call = CallSettings {
            breaker: self.all.breaker.as_ref().map(|own| own.over(&settings.breaker)),
            retry: self.all.retry.as_ref().map(|own| own.over(&settings.retry)),
            ..self.settings.clone()
        };
        settings.calls.insert(self.target.clone(), call);
    }
}

impl RawBreaker {
    fn over(&self, base: &BreakerSettings) -> BreakerSettings {
        BreakerSettings {
            error_threshold: self.error_threshold.unwrap_or(base.error_threshold),
            volume_threshold: self.volume_threshold.unwrap_or(base.volume_threshold),
            window: self.window.unwrap_or(base.window),
            reset_timeout: self.reset_timeout.unwrap_or(base.reset_timeout),
        }
    }
}

impl RawRetry {
    fn over(&self, base: &RetrySettings) -> RetrySettings {
        RetrySettings {
            attempts: self.attempts.unwrap_or(base.attempts),
            backoff: self.backoff.unwrap_or(base.backoff),
            budget: self.budget.unwrap_or(base.budget),
        }
    }
}

/// Reads one section; nothing if its name is no target, which is reported.
pub(super) fn call(name: Spanned<&str>, mut section: Section<'_>) -> Option<RawCall> {
    let target = name.get_ref().parse::<CallTarget>();
    if let Err(error) = &target {
        let help = "for example `[service.orders.calls.\"shop:inventory/stock\"]`, or `[service.orders.calls.inventory]` for http://inventory/";
        section.report(name.span(), error.to_string(), help.to_owned());
    }
    let settings = CallSettings {
        service: section.parsed("service", "\"inventory\"", str::parse).map(Spanned::into_inner),
        timeout: section.duration("timeout"),
        idempotent: section.list("idempotent", "[\"check-availability\"]", str::parse).unwrap_or_default(),
        bulkhead: section.section("bulkhead", "{ concurrency = 16, queue = 32 }").and_then(bulkhead),
        fallback: fallbacks(&mut section),
        ..CallSettings::default()
    };
    let all = RawAllCalls::read(&mut section);
    section.finish();
    Some(RawCall { target: target.ok()?, settings, all })
}

fn breaker(mut section: Section<'_>) -> RawBreaker {
    let found = RawBreaker {
        error_threshold: section.count("error_threshold"),
        volume_threshold: section.count("volume_threshold"),
        window: section.duration("window"),
        reset_timeout: section.duration("reset_timeout"),
    };
    section.finish();
    found
}

fn retry(mut section: Section<'_>) -> RawRetry {
    let found = RawRetry {
        attempts: section.count("attempts"),
        backoff: section.duration("backoff"),
        budget: section.share("budget"),
    };
    section.finish();
    found
}

/// Reads `bulkhead = { … }`.
pub(super) fn bulkhead(mut section: Section<'_>) -> Option<BulkheadSettings> {
    section.require("concurrency", "16");
    let concurrency = section.count("concurrency");
    let queue = section.count("queue").unwrap_or_else(BulkheadSettings::default_queue);
    section.finish();
    concurrency.map(|concurrency| BulkheadSettings { concurrency, queue })
}

fn fallbacks(section: &mut Section<'_>) -> Vec<Fallback> {
    let found =
        section.section_or_sections("fallback", "{ function = \"check-availability\", value = { ok = false } }");
    found.into_iter().filter_map(fallback).collect()
}

/// What is wrong with one of the keys is said there; what is wrong with all together, only
/// when each is well.
fn fallback(mut section: Section<'_>) -> Option<Fallback> {
    let written = ["function", "value", "service"].map(|key| section.has_any(&[key]));
    let function = section.parsed("function", "\"check-availability\"", str::parse::<FunctionName>);
    let value = section.json("value").and_then(|value| template(&section, value));
    let service = section.parsed("service", "\"spare\"", str::parse).map(Spanned::into_inner);
    let read = [function.is_some(), value.is_some(), service.is_some()];
    let keys = FallbackKeys { function: function.map(Spanned::into_inner), value, service };
    let result = Fallback::try_from(keys);
    if let (Err(error), true) = (&result, read == written) {
        section.report_here(error.to_string(), "write one of the two".to_owned());
    }
    section.finish();
    result.ok()
}

fn template(section: &Section<'_>, value: Spanned<serde_json::Value>) -> Option<Template> {
    let span = value.span();
    match Template::parse(value.into_inner()) {
        Ok(template) => Some(template),
        Err(error) => {
            let help = "`{param}` is a parameter of the call, as in `value = { id = \"{user-id}\" }`";
            section.report(span, error.to_string(), help.to_owned());
            None
        }
    }
}
