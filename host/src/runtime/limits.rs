//! What an instance may grow to, and how it is noticed which limit ended a guest.

use std::sync::Arc;

use holm_registry::settings::{Limit, Settings};
use wasmtime::component::ResourceTableError;
use wasmtime::{Error, ResourceLimiter, Result, Trap};
use wasmtime_wasi_http::FieldMapError;

use super::engine::pool;
use super::guest::Guest;
use crate::fault::{Fault, FaultKind};
use crate::telemetry::metrics::RevisionMetrics;

/// Largest answer to one request for random bytes: a key is 64 bytes, a page of test data
/// 1 MiB; more only serves to make the host allocate.
pub const MAX_RANDOM: u64 = 1 << 20;

/// Counts what one store has, over all its memories and tables.
#[derive(Debug)]
pub struct StoreLimiter {
    metrics: Arc<RevisionMetrics>,
    memory: Budget,
    table: Budget,
    /// Memory when the instance was made.
    made_with: usize,
    /// What the guest asked for more of than it may have.
    refused: Option<Limit>,
}

/// What several things of one kind may have together.
#[derive(Debug)]
struct Budget {
    limit: usize,
    used: usize,
}

impl Budget {
    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let after = self.used.saturating_sub(current).saturating_add(desired);
        let fits = after <= self.limit;
        if fits {
            self.used = after;
        }
        fits
    }
}

impl StoreLimiter {
    /// The limits of these settings; refusals are counted in `metrics`.
    pub fn new(settings: &Settings, metrics: Arc<RevisionMetrics>) -> Self {
        let limits = &settings.limits;
        Self {
            metrics,
            memory: Budget { limit: limits.memory.as_usize(), used: 0 },
            table: Budget { limit: limits.table_elements as usize, used: 0 },
            made_with: 0,
            refused: None,
        }
    }

    /// Whether a limit has refused the guest something.
    pub fn has_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// The limit that refused the guest something since the last call.
    pub fn take_refused(&mut self) -> Option<Limit> {
        self.refused.take()
    }

    /// The instance is made: it grows from here.
    pub fn made(&mut self) {
        self.made_with = self.memory.used;
    }

    /// Bytes by which the instance's memory has grown since it was made.
    pub fn growth(&self) -> usize {
        self.memory.used.saturating_sub(self.made_with)
    }

    fn answer(&mut self, fits: bool, limit: Limit) -> bool {
        if !fits {
            self.refused = Some(limit);
            self.metrics.limit_hit(limit);
        }
        fits
    }
}

impl ResourceLimiter for StoreLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let fits = self.memory.grow(current, desired);
        Ok(self.answer(fits, Limit::Memory))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let fits = self.table.grow(current, desired);
        Ok(self.answer(fits, Limit::TableElements))
    }

    fn instances(&self) -> usize {
        pool::CORE_INSTANCES_PER_COMPONENT as usize
    }

    fn tables(&self) -> usize {
        pool::TABLES_PER_COMPONENT as usize
    }

    fn memories(&self) -> usize {
        pool::MEMORIES_PER_COMPONENT as usize
    }
}

/// What the engine says when a guest meets a limit for which it has no type that we could ask
/// for. The tests of the fixtures hold these words against it.
const WORDS: &[(&str, Limit)] = &[
    ("fuel allocated for hostcalls has been exhausted", Limit::HostCall),
    ("resource table has no free keys", Limit::Handles),
    ("store handle limit exceeded", Limit::Handles),
    ("exceeds limit 1048576", Limit::Random),
];

/// The fault of a guest that has not returned, if it met a limit; `None`: it failed by itself.
pub fn fault_of(guest: &mut Guest, error: &Error) -> Option<Fault> {
    if guest.meter().is_spent() {
        return Some(Fault::over(Limit::Cpu, format_args!("is used up ({:?})", guest.meter().spent())));
    }
    if let Some(limit) = guest.limiter.take_refused() {
        // counted when it refused
        return Some(Fault::new(FaultKind::Limit, format!("{} was reached; then: {error:#}", limit.name())));
    }
    met_by(error).map(|limit| Fault::over(limit, format_args!("was reached: {error:#}")))
}

/// The limit that made a guest trap, if it was one of those that the engine enforces alone.
fn met_by(error: &Error) -> Option<Limit> {
    if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return Some(Limit::Stack);
    }
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
        return Some(Limit::Handles);
    }
    match error.downcast_ref::<FieldMapError>() {
        Some(FieldMapError::TotalSizeTooBig) => return Some(Limit::ResponseHead),
        Some(FieldMapError::TooManyFields) => return Some(Limit::ResponseHeaders),
        _ => {}
    }
    let cause = error.root_cause().to_string();
    WORDS.iter().find(|(words, _)| cause.contains(words)).map(|(_, limit)| *limit)
}

#[cfg(test)]
mod tests {
    use holm_registry::units::ByteSize;

    use super::*;
    use crate::telemetry::metrics::Metrics;

    fn limiter() -> StoreLimiter {
        let mut settings = Settings::default();
        settings.limits.memory = ByteSize::bytes(100);
        settings.limits.table_elements = 10;
        StoreLimiter::new(&settings, Metrics::new().revision(&"users".parse().unwrap(), 1))
    }

    #[test]
    fn all_memories_of_an_island_do_not_share_one_limit() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert_eq!(limiter.take_refused(), Some(Limit::Memory));
        assert!(limiter.memory_growing(60, 100, None).unwrap());
        assert_eq!(limiter.take_refused(), None);
        assert!(!limiter.memory_growing(0, 1, None).unwrap());
        assert_eq!(limiter.metrics.limit_hits(Limit::Memory), 2);
    }

    #[test]
    fn a_guest_grows_its_tables_one_by_one_beyond_their_limit() {
        let mut limiter = limiter();
        assert!(limiter.table_growing(0, 6, None).unwrap());
        assert!(!limiter.table_growing(0, 6, None).unwrap());
        assert_eq!(limiter.take_refused(), Some(Limit::TableElements));
        assert!(limiter.table_growing(6, 10, None).unwrap());
    }

    #[test]
    fn what_an_instance_is_made_with_counts_as_its_growth() {
        let mut limiter = limiter();
        limiter.memory_growing(0, 40, None).unwrap();
        limiter.made();
        assert_eq!(limiter.growth(), 0);
        limiter.memory_growing(40, 100, None).unwrap();
        assert_eq!(limiter.growth(), 60);
    }
}
