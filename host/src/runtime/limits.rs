//! What an instance may grow to, and how it is noticed that it wanted more.

use wasmtime::{ResourceLimiter, Result};

use super::engine::pool;

/// Counts what one store has, over all its memories and tables.
#[derive(Debug)]
pub struct StoreLimiter {
    memory_limit: usize,
    memory_used: usize,
    /// Whether the guest asked for more than it may have.
    refused: bool,
}

impl StoreLimiter {
    /// `memory` bytes of linear memory, all memories together.
    pub fn new(memory: usize) -> Self {
        Self { memory_limit: memory, memory_used: 0, refused: false }
    }

    /// Whether the guest has met its memory limit since the last call.
    pub fn take_refused(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }
}

impl ResourceLimiter for StoreLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let after = self.memory_used.saturating_sub(current).saturating_add(desired);
        if after > self.memory_limit {
            self.refused = true;
            return Ok(false);
        }
        self.memory_used = after;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(desired <= pool::TABLE_ELEMENTS)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_of_an_island_share_one_limit() {
        let mut limiter = StoreLimiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.take_refused());
        assert!(limiter.memory_growing(60, 100, None).unwrap());
        assert!(!limiter.take_refused());
        assert!(!limiter.memory_growing(0, 1, None).unwrap());
    }
}
