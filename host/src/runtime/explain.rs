//! The limits in force, for people: value, where it comes from, why there is one.

use holm_registry::event::MAX_EVENT;
use holm_registry::settings::{Limit, Settings};
use holm_registry::store::{MAX_COMMIT, Usage};
use holm_registry::units::ByteSize;

use super::capability::keyvalue::{MAX_BATCH, MAX_KEY};
use super::engine::pool;
use super::limits::MAX_RANDOM;
use super::lineage::DEPTH;
use crate::telemetry::metrics::RevisionMetrics;

/// Who decided on the value of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody: it is Holm's default.
    Default,
    /// The service's settings.
    Settings,
    /// The host: it is the same for all services.
    Host,
}

/// One limit of a revision.
#[derive(Clone, Debug)]
pub struct LimitLine {
    /// Which one.
    pub limit: Limit,
    /// Its value, as the manifest writes it.
    pub value: String,
    /// Who decided on it.
    pub origin: Origin,
    /// How often it was met since the host started.
    pub hits: u64,
    /// How much of it is taken, of what a service keeps: keys, bytes, places.
    pub used: Option<u64>,
}

impl Origin {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Settings => "set",
            Self::Host => "host",
        }
    }
}

/// All limits of a revision whose service keeps this much, on a host with this many places for
/// services, of which this one takes some.
pub fn limits(settings: &Settings, metrics: &RevisionMetrics, kept: Usage, places: (u32, u32)) -> Vec<LimitLine> {
    let defaults = Settings::default();
    let line = |limit: Limit| {
        let own = settings.limit(limit);
        let origin = match &own {
            None => Origin::Host,
            Some(_) if own == defaults.limit(limit) => Origin::Default,
            Some(_) => Origin::Settings,
        };
        let value = own.unwrap_or_else(|| of_the_host(limit, places.0));
        let used = match limit {
            Limit::Keys => Some(kept.keys),
            Limit::State => Some(kept.bytes),
            Limit::Places => Some(u64::from(places.1)),
            _ => None,
        };
        LimitLine { limit, value, origin, hits: metrics.limit_hits(limit), used }
    };
    Limit::ALL.into_iter().map(line).collect()
}

/// What no service can change: sizes of the one engine and of the one store.
fn of_the_host(limit: Limit, places: u32) -> String {
    let size = |bytes: usize| ByteSize::bytes(bytes as u64).to_string();
    match limit {
        Limit::Stack => size(pool::WASM_STACK),
        Limit::CoreInstances => pool::CORE_INSTANCES_PER_COMPONENT.to_string(),
        Limit::Memories => pool::MEMORIES_PER_COMPONENT.to_string(),
        Limit::Tables => pool::TABLES_PER_COMPONENT.to_string(),
        Limit::Key => size(MAX_KEY),
        Limit::Batch => MAX_BATCH.to_string(),
        Limit::Unit => MAX_COMMIT.to_string(),
        Limit::Event => MAX_EVENT.to_string(),
        Limit::Random => ByteSize::bytes(MAX_RANDOM).to_string(),
        Limit::CallDepth => DEPTH.to_string(),
        Limit::Places => places.to_string(),
        // the rest are settings, which have their value themselves
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Metrics;

    #[test]
    fn a_limit_is_shown_without_its_value_or_with_the_wrong_origin() {
        let mut settings = Settings::default();
        settings.limits.memory = ByteSize::mib(32);
        let metrics = Metrics::new().revision(&"users".parse().unwrap(), 1);
        metrics.limit_hit(Limit::Cpu);
        let lines = limits(&settings, &metrics, Usage { keys: 3, bytes: 99 }, (18, 2));
        assert_eq!(lines.iter().map(|line| line.hits).sum::<u64>(), 1);
        assert!(lines.iter().all(|line| !line.value.is_empty()), "{lines:?}");
        let shown =
            |limit: Limit| lines.iter().find(|line| line.limit == limit).map(|line| (line.value.as_str(), line.origin));
        let used: Vec<_> = lines.iter().filter_map(|line| line.used).collect();
        assert_eq!(used, [3, 99, 2]);
        assert_eq!(shown(Limit::Memory), Some(("32MiB", Origin::Settings)));
        assert_eq!(shown(Limit::Cpu), Some(("500ms", Origin::Default)));
        assert_eq!(shown(Limit::Stack), Some(("512KiB", Origin::Host)));
        assert_eq!(shown(Limit::Random), Some(("1MiB", Origin::Host)));
        assert_eq!(shown(Limit::Places), Some(("18", Origin::Host)));
    }
}
