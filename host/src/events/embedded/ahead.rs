//! How many events wait behind what a consumer has looked at (pure). Each is counted once: what was counted
//! is not read again when more has come.

use std::collections::VecDeque;

use holm_registry::store::Position;

/// The events that are for a consumer and lie ahead of it, as far as they were counted.
pub struct Ahead {
    until: Position,
    wanted: VecDeque<Position>,
}

impl Ahead {
    /// Nothing counted behind this.
    pub fn at(seen: Position) -> Self {
        Self { until: seen, wanted: VecDeque::new() }
    }

    /// How far was counted.
    pub fn until(&self) -> Position {
        self.until
    }

    /// How many.
    pub fn wanted(&self) -> u64 {
        self.wanted.len() as u64
    }

    /// Adds what lies between `from` and `until`, unless the counting has gone on elsewhere meanwhile.
    pub fn extend(&mut self, from: Position, wanted: impl Iterator<Item = Position>, until: Position) {
        if from == self.until {
            self.wanted.extend(wanted);
            self.until = until;
        }
    }

    /// The consumer has looked at everything up to here.
    pub fn seen_until(&mut self, seen: Position) {
        let gone = self.wanted.partition_point(|at| *at <= seen);
        self.wanted.drain(..gone);
        self.until = self.until.max(seen);
    }
}

#[cfg(test)]
mod tests {
    use holm_registry::store::Sequence;

    use super::*;

    fn at(sequence: u64) -> Position {
        Position { sequence: Sequence(sequence), index: 0 }
    }

    #[test]
    fn an_event_that_waits_is_counted_twice_or_not_at_all() {
        let mut ahead = Ahead::at(at(10));
        ahead.extend(at(10), [11, 13].map(at).into_iter(), at(15));
        ahead.extend(at(15), [16].map(at).into_iter(), at(20));
        ahead.extend(at(15), [16].map(at).into_iter(), at(20));
        assert_eq!(ahead.wanted(), 3);
        ahead.seen_until(at(13));
        assert_eq!((ahead.wanted(), ahead.until()), (1, at(20)));
        ahead.seen_until(at(30));
        assert_eq!((ahead.wanted(), ahead.until()), (0, at(30)));
    }
}
