//! What is removed from the log, and when (pure).
//!
//! Two limits. What every subscription has settled is only kept for whoever begins later with `start = "all"`:
//! it goes when it is old, or when there is much of it. What somebody has not settled stays until it would
//! fill the disk: then the oldest goes, and that is a loss, counted and told.

use std::time::Duration;

use holm_registry::store::{Position, Quota};
use holm_registry::units::ByteSize;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// How long events stay that everybody has settled: a week, so that a service deployed on Monday can begin
    /// with what happened on Friday.
    pub age: Duration,
    /// How many events there may be as long as somebody has not settled some of them.
    pub settled: Size,
    /// How many there may be at all.
    pub all: Size,
}

/// Events and their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many.
    pub events: u64,
    /// How large together.
    pub bytes: u64,
}

impl Default for Retention {
    /// The store reads all of its log when it starts, at some 200 MB a second: 256 MiB are a second of a start,
    /// and as much as one service may keep as state by default. 100,000 events of 256 bytes are a tenth of that.
    /// A consumer that is down may cost four times as much, or ten times as many, before events are lost.
    fn default() -> Self {
        Self {
            age: Duration::from_secs(7 * 24 * 60 * 60),
            settled: Size { events: 100_000, bytes: ByteSize::mib(256).as_u64() },
            all: Size { events: 1_000_000, bytes: ByteSize::mib(1024).as_u64() },
        }
    }
}

/// One event of the log, as far as its removal is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Where it lies.
    pub at: Position,
    /// When it was published, in milliseconds since 1970.
    pub time: u64,
    /// Its bytes.
    pub bytes: u64,
}

impl Retention {
    /// What the log may hold before publishing is refused: more than retention ever lets it keep, so that this
    /// only happens when events come faster than the oldest can be removed.
    pub fn room(&self) -> Quota {
        let half_more = |limit: u64| limit.saturating_add(limit / 2);
        Quota { keys: half_more(self.all.events), bytes: half_more(self.all.bytes) }
    }

    /// How many of the oldest events are to go. `kept` is all there is, `settled` how far every subscription
    /// has settled everything, `now` in milliseconds since 1970.
    pub fn excess(&self, oldest: &[Row], kept: Size, settled: Position, now: u64) -> usize {
        let mut left = kept;
        let goes = |row: &&Row| {
            let old = now.saturating_sub(row.time) > self.age.as_millis() as u64;
            let goes = left.over(self.all) || (row.at <= settled && (old || left.over(self.settled)));
            left = left.without(row);
            goes
        };
        oldest.iter().take_while(goes).count()
    }
}

impl Size {
    fn over(self, limit: Self) -> bool {
        self.events > limit.events || self.bytes > limit.bytes
    }

    fn without(self, row: &Row) -> Self {
        Self { events: self.events.saturating_sub(1), bytes: self.bytes.saturating_sub(row.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use holm_registry::store::Sequence;
    use proptest::prelude::*;

    use super::*;

    const RULES: Retention = Retention {
        age: Duration::from_secs(10),
        settled: Size { events: 4, bytes: 100 },
        all: Size { events: 8, bytes: 200 },
    };
    const NOW: u64 = 100_000;

    fn at(sequence: u64) -> Position {
        Position { sequence: Sequence(sequence), index: 0 }
    }

    /// So many events of 10 bytes, the last one now, a second between them.
    fn rows(count: u64) -> Vec<Row> {
        (1..=count).map(|n| Row { at: at(n), time: NOW - (count - n) * 1000, bytes: 10 }).collect()
    }

    fn excess(count: u64, settled: u64) -> usize {
        RULES.excess(&rows(count), Size { events: count, bytes: count * 10 }, at(settled), NOW)
    }

    #[test]
    fn what_nobody_has_handled_is_removed_before_it_must() {
        assert_eq!(excess(8, 0), 0);
        assert_eq!(excess(9, 0), 1, "more than there may be at all");
        assert_eq!(excess(8, 2), 2, "only what is settled");
        assert_eq!(excess(6, 6), 2, "as many as may stay");
        assert_eq!(excess(4, 4), 0);
        let old = Row { at: at(1), time: NOW - 10_001, bytes: 10 };
        assert_eq!(RULES.excess(&[old], Size { events: 1, bytes: 10 }, at(1), NOW), 1, "old and settled");
        assert_eq!(RULES.excess(&[old], Size { events: 1, bytes: 10 }, at(0), NOW), 0, "old and not settled");
        let large = Row { at: at(1), time: NOW, bytes: 150 };
        assert_eq!(RULES.excess(&[large], Size { events: 1, bytes: 150 }, at(1), NOW), 1, "too many bytes");
    }

    proptest! {
        #[test]
        fn the_log_grows_over_its_limit_or_loses_what_it_could_keep(count in 0u64..20, settled in 0u64..20) {
            let removed = excess(count, settled) as u64;
            let left = count - removed;
            prop_assert!(left <= RULES.all.events);
            if removed > settled {
                prop_assert_eq!(left, RULES.all.events, "lost although there was room");
            }
            let unneeded = settled.min(count).saturating_sub(removed);
            prop_assert!(unneeded == 0 || left <= RULES.settled.events);
        }
    }
}
