//! The buckets of a limit: one for each client, and never more than fit.
//!
//! They lie in two generations. A bucket that is used moves to the young one; when the young one is
//! full or as old as a bucket needs to fill up, it becomes the old one, and the old one is dropped:
//! all in it are full again, or belong to those who have been silent for longest while half a
//! million others asked. So a flood of clients costs no more than forgetting the silent ones.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::gcra::{Nanos, Quota, Seen};

/// Locks, so that threads seldom wait for each other.
const SHARDS: usize = 64;

/// Most buckets of one generation in one shard: 2^19 clients in all shards, 20 bytes each. With both
/// generations a limit takes at most 40 MiB.
const GENERATION: usize = (1 << 19) / SHARDS;

/// All buckets of a limit.
#[derive(Debug)]
pub(super) struct Buckets {
    shards: [Mutex<Shard>; SHARDS],
    /// Most buckets of a generation in a shard.
    generation: usize,
}

#[derive(Debug, Default)]
struct Shard {
    young: Generation,
    old: Generation,
    /// When the young one began.
    since: Nanos,
}

/// When each bucket is full again, by its client.
type Generation = HashMap<u64, Nanos, BuildHasherDefault<Hashed>>;

/// Clients come as hashes already, keyed so that nobody outside can choose them.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        debug_assert!(false, "only for clients, which are numbers");
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl Buckets {
    pub(super) fn new() -> Self {
        Self::with_generation(GENERATION)
    }

    fn with_generation(generation: usize) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), generation }
    }

    /// Takes a request from a client's bucket.
    pub(super) fn take(&self, client: u64, quota: Quota, now: Nanos) -> Seen {
        let mut shard = self.shard(client);
        shard.turn(now, quota.reach(), self.generation);
        let full = shard.find(client);
        let (next, seen) = quota.take(full, now);
        // one that is refused moves on, too: who asks all the time is not silent
        shard.young.insert(client, next.unwrap_or(full));
        seen
    }

    /// What a client's bucket has left.
    #[cfg(test)]
    pub(super) fn look(&self, client: u64, quota: Quota, now: Nanos) -> Seen {
        quota.look(self.shard(client).find(client), now)
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder by the number of shards is the number of one")]
    fn shard(&self, client: u64) -> MutexGuard<'_, Shard> {
        // the lowest bits choose the place inside of a shard
        let [first, ..] = client.to_be_bytes();
        let shard = &self.shards[usize::from(first) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn find(&self, client: u64) -> Nanos {
        self.young.get(&client).or_else(|| self.old.get(&client)).copied().unwrap_or(0)
    }

    fn turn(&mut self, now: Nanos, reach: Nanos, most: usize) {
        if self.young.len() >= most || now.saturating_sub(self.since) >= reach {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::random::random_u64;

    fn quota() -> Quota {
        Quota::new(3, Duration::from_secs(900), 3)
    }

    fn held(buckets: &Buckets) -> usize {
        buckets.shards.iter().map(|shard| shard.lock().unwrap()).map(|shard| shard.young.len() + shard.old.len()).sum()
    }

    #[test]
    fn a_million_clients_fill_the_memory_or_free_somebody_who_goes_on_asking() {
        let buckets = Buckets::new();
        let greedy = random_u64();
        for n in 0..1_000_000_u64 {
            let seen = buckets.take(random_u64(), quota(), n);
            assert_eq!(seen.remaining, 2);
            if n % 1000 == 0 {
                let seen = buckets.take(greedy, quota(), n);
                assert_eq!(seen.wait.is_none(), n < 3000, "after {n} others");
            }
        }
        assert!(held(&buckets) <= 2 * SHARDS * GENERATION, "{}", held(&buckets));
        let bytes = buckets.shards.iter().map(|shard| shard.lock().unwrap()).map(|shard| {
            // a place takes its two numbers and one byte more
            (shard.young.capacity() + shard.old.capacity()) * 17 * 8 / 7
        });
        assert!(bytes.sum::<usize>() <= 40 << 20);
    }

    #[test]
    fn a_client_that_has_waited_is_held_for_ever() {
        let buckets = Buckets::new();
        let reach = quota().reach();
        for n in 0..1000 {
            buckets.take(n << 54, quota(), 0);
        }
        // one client for each shard, in both of its generations
        for shard in 0..SHARDS as u64 {
            buckets.take(shard << 56, quota(), reach);
            buckets.take(shard << 56, quota(), 2 * reach);
        }
        assert_eq!(held(&buckets), 2 * SHARDS);
    }

    #[test]
    fn a_client_is_forgotten_before_it_has_waited() {
        let buckets = Buckets::new();
        let (client, reach) = (7, quota().reach());
        (0..3).for_each(|_| assert!(buckets.take(client, quota(), reach - 1).wait.is_none()));
        assert!(buckets.take(client, quota(), reach).wait.is_some(), "the generation has turned");
        assert!(buckets.take(client, quota(), reach + reach / 4).wait.is_some());
        assert_eq!(buckets.look(client, quota(), 2 * reach).remaining, 3);
    }
}
