//! What stands in for a call that failed.

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::name::ServiceName;
use crate::template::Template;
use crate::wit::FunctionName;

/// What stands in for a call that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Keys")]
pub enum Fallback {
    /// An answer made of the call's parameters.
    Value {
        /// Which function it answers for.
        function: FunctionName,
        /// The result as JSON, in which `{param}` is a parameter of the call.
        value: Template,
    },
    /// Another service that does the same.
    Service {
        /// Its name.
        service: ServiceName,
    },
}

/// A fallback that is neither of the two, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a fallback is an answer, as in `{{ function = \"check-availability\", value = {{ ok = false }} }}`, or another service, as in `{{ service = \"spare\" }}`"
)]
pub struct NoFallback;

/// A fallback's keys, as the manifest and the admin API have them.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keys {
    pub(crate) function: Option<FunctionName>,
    #[serde(deserialize_with = "present")]
    pub(crate) value: Option<Template>,
    pub(crate) service: Option<ServiceName>,
}

/// Null is a value too: the answer of a function whose result is an option.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Template>, D::Error> {
    Template::deserialize(deserializer).map(Some)
}

impl TryFrom<Keys> for Fallback {
    type Error = NoFallback;

    fn try_from(keys: Keys) -> Result<Self, NoFallback> {
        match (keys.function, keys.value, keys.service) {
            (Some(function), Some(value), None) => Ok(Self::Value { function, value }),
            (None, None, Some(service)) => Ok(Self::Service { service }),
            _ => Err(NoFallback),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_fallback_that_cannot_work_is_accepted() {
        for (json, expected) in [
            (json!({}), "a fallback is an answer"),
            (json!({"function": "get"}), "a fallback is an answer"),
            (json!({"value": 1}), "a fallback is an answer"),
            (json!({"function": "get", "value": 1, "service": "spare"}), "a fallback is an answer"),
            (json!({"function": "get", "value": "{"}), "without its `}`"),
            (json!({"function": "get_it", "value": 1}), "is not a function"),
            (json!({"service": "spare", "values": 1}), "unknown field `values`"),
        ] {
            let error = serde_json::from_value::<Fallback>(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn null_is_no_answer() {
        let json = json!({"function": "get", "value": null});
        let fallback: Fallback = serde_json::from_value(json.clone()).unwrap();
        assert!(matches!(&fallback, Fallback::Value { value, .. } if *value.source() == Value::Null));
        assert_eq!(serde_json::to_value(&fallback).unwrap(), json);
    }
}
