//! Typed calls, as they travel.

use std::time::Duration;

use holm_registry::units::duration_text;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A function to be called, and its arguments.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The interface: its whole name, or as much of its end as leaves no choice.
    pub interface: String,
    /// The function.
    pub function: String,
    /// All arguments in their order, or an object with their names.
    #[serde(default = "no_arguments")]
    pub arguments: Value,
    /// How long it may take, as in `500ms`; the service's own timeout may be shorter.
    #[serde(default, with = "duration_text::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub timeout: Option<Duration>,
}

/// What a function gave.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CallResult {
    /// Its value; null, if it gives none. An `err` of a result is a value, too.
    pub result: Value,
    /// The whole name of the interface.
    pub interface: String,
    /// Which revision answered.
    pub revision: u32,
    /// Its semantic version.
    #[schema(value_type = String)]
    pub version: Version,
    /// Milliseconds that the service took.
    pub took_ms: u64,
}

/// A function that a service offers to others.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Function {
    /// The whole name of its interface.
    pub interface: String,
    /// Its name and types, as a line of WIT: `balance: func(account: string) -> option<s64>`.
    pub function: String,
    /// Why it cannot be called from outside its component, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

fn no_arguments() -> Value {
    Value::Array(Vec::new())
}
