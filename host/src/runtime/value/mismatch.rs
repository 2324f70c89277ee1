//! A value that is not of the type that it is taken for.

use std::fmt;

/// The host took a value for one of this type, but it is none. The engine checks what guests pass, so this is the
/// host's own fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the host took a value of another type for {0}; that is a fault of Holm")]
pub struct Mismatch(String);

impl Mismatch {
    /// One that is not of this type.
    pub fn of(wanted: impl fmt::Display) -> Self {
        Self(wanted.to_string())
    }
}
