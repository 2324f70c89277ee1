//! What compiling components took, and what was refused for which reason.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds in seconds: a small component takes tens of milliseconds, a language's engine tens
/// of seconds.
const SECONDS: [f64; 10] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

/// The numbers of the compiler. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CompileMetrics {
    took: Histogram,
    refused: Family<ReasonLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

impl CompileMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let compile = Self::default();
        let took = "Time that components took to compile; the cached ones take none";
        registry.register_with_unit("holm_compile", took, Unit::Seconds, compile.took.clone());
        let refused = "Components that were not compiled, by reason";
        registry.register("holm_compile_refused", refused, compile.refused.clone());
        compile
    }

    /// A component was compiled.
    pub fn compiled(&self, took: Duration) {
        self.took.observe(took.as_secs_f64());
    }

    /// A component was not compiled.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ReasonLabel { reason }).inc();
    }
}

/// Numbers that nobody reads.
impl Default for CompileMetrics {
    fn default() -> Self {
        Self { took: Histogram::new(SECONDS), refused: Family::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;

    #[test]
    fn a_refused_component_is_not_counted() {
        let metrics = Metrics::new();
        metrics.compile().compiled(Duration::from_millis(30));
        metrics.compile().refused("cpu");
        let text = metrics.encode();
        assert!(text.contains("holm_compile_seconds_count 1"), "{text}");
        assert!(text.contains(r#"holm_compile_refused_total{reason="cpu"} 1"#), "{text}");
    }
}
