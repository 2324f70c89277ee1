//! How long calls inside this process take: a histogram that can be read as well as scraped, and costs a call three
//! additions and no lock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Upper bounds in nanoseconds, three for each power of ten: from a warm call, which takes a few microseconds, to the
/// longest timeouts in use.
#[rustfmt::skip]
const BOUNDS: [u64; 22] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, // to half a millisecond
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, // to 50 ms
    100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
];

/// The histogram. Clones count together.
#[derive(Clone, Default)]
pub(super) struct Latency(Arc<Counts>);

#[derive(Default)]
struct Counts {
    /// By bound; the last is for what took longer.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl Latency {
    /// Something took so long.
    pub fn observe(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let at = BOUNDS.partition_point(|bound| *bound < nanos);
        if let Some(bucket) = self.0.buckets.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.0.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// The time that this share of all took at most, 0.5 for the median: as exact as the bounds, evenly spread between
    /// two, as Prometheus does it. `None` where nothing was observed.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let counts = self.counts();
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return None;
        }
        let rank = (share * total as f64).max(1.0);
        let (mut below, mut from) = (0, 0);
        for (count, bound) in counts.iter().zip(BOUNDS) {
            if (below + count) as f64 >= rank {
                let part = (rank - below as f64) / *count as f64;
                return Some(Duration::from_nanos(from + ((bound - from) as f64 * part) as u64));
            }
            (below, from) = (below + count, bound);
        }
        Some(Duration::from_nanos(from))
    }

    fn counts(&self) -> [u64; BOUNDS.len() + 1] {
        self.0.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed))
    }
}

impl TypedMetric for Latency {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Latency {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let counts = self.counts();
        let bounds = BOUNDS.iter().map(|nanos| *nanos as f64 / 1e9).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let seconds = self.0.nanos.load(Ordering::Relaxed) as f64 / 1e9;
        encoder.encode_histogram::<NoLabelSet>(seconds, counts.iter().sum(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Latency({:?})", self.counts())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    const US: Duration = Duration::from_micros(1);

    #[test]
    fn the_bounds_do_not_grow_or_end_too_early() {
        assert!(BOUNDS.is_sorted_by(|one, next| one < next), "{BOUNDS:?}");
        assert_eq!((BOUNDS[0], BOUNDS[21]), (1_000, 10_000_000_000));
    }

    #[test]
    fn a_quantile_is_not_where_the_times_are() {
        let latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        for _ in 0..98 {
            latency.observe(4 * US);
        }
        for took in [90_000 * US, Duration::from_secs(60)] {
            latency.observe(took);
        }
        let within = |share: f64, low: Duration, high: Duration| {
            let found = latency.quantile(share).unwrap();
            assert!((low..=high).contains(&found), "{share}: {found:?}");
        };
        within(0.0, 2 * US, 3 * US);
        within(0.5, 2 * US, 5 * US);
        within(0.99, 50_000 * US, 100_000 * US);
        within(1.0, Duration::from_secs(10), Duration::from_secs(10));
    }

    #[test]
    fn a_scraper_reads_another_histogram() {
        let (mut registry, latency) = (Registry::default(), Latency::default());
        registry.register("took", "Time", latency.clone());
        for took in [US, 2 * US, Duration::from_secs(60)] {
            latency.observe(took);
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "took_count 3",
            "took_bucket{le=\"0.000001\"} 1",
            "took_bucket{le=\"10.0\"} 2",
            "took_bucket{le=\"+Inf\"} 3",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
