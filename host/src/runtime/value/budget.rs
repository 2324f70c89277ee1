//! How much memory values may take that are made from bytes of somebody else.
//!
//! A few bytes can stand for much: the elements of a list that are `{}` in JSON may be records of a thousand absent
//! fields, each of which has its name in memory. Values that a guest passes are bounded likewise, by the engine: see
//! `fuel`.

use wasmtime::component::Val;

use super::size::TooLarge;

/// Memory for the values of one call: a megabyte of single bytes, at 40 a value, and half as much again for names.
pub const MAX_MEMORY: usize = 64 << 20;

/// What is left of [`MAX_MEMORY`].
#[derive(Debug)]
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_MEMORY)
    }
}

impl Budget {
    /// Takes the memory of one value, with what it owns besides: a text, or a name.
    ///
    /// # Errors
    /// When there is none left.
    pub fn take(&mut self, owned: usize) -> Result<(), TooLarge> {
        let left = self.0.checked_sub(size_of::<Val>()).and_then(|left| left.checked_sub(owned));
        self.0 = left.ok_or(TooLarge::Memory)?;
        Ok(())
    }
}
