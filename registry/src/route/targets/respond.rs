//! An answer that is always the same.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use http::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::gateway::FieldName;
use crate::route::RouteError;

/// 1xx are no answers.
const STATUSES: RangeInclusive<u16> = 200..=599;
/// A page of text. It is in the catalog and in memory; larger ones are a service's.
const LARGEST: usize = 64 * 1024;

/// What a client gets, whatever it asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedAnswer {
    /// From 200 to 599.
    pub status: u16,
    /// Header fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<FieldName, String>,
    /// The whole body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

impl FixedAnswer {
    pub(super) fn check(&self) -> Result<(), RouteError> {
        let problem = |message| Err(RouteError::Target { message });
        if !STATUSES.contains(&self.status) {
            return problem(format!("an answer's status is {}, but must be from 200 to 599", self.status));
        }
        if [204, 205, 304].contains(&self.status) && !self.body.is_empty() {
            return problem(format!("an answer of status {} has no body", self.status));
        }
        if self.body.len() > LARGEST {
            return problem(format!("an answer's body has {} bytes, and {LARGEST} are allowed", self.body.len()));
        }
        self.headers.iter().try_for_each(|(name, value)| match (name.reserved(), HeaderValue::from_str(value)) {
            (Some(reason), _) => problem(format!("an answer cannot set `{name}`: {reason}")),
            (None, Err(_)) => problem(format!("`{name}` is set to a text that no header field can hold")),
            (None, Ok(_)) => Ok(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_breaks_the_protocol_is_accepted() {
        let answer = |status, body: &str| FixedAnswer { status, body: body.to_owned(), headers: BTreeMap::new() };
        assert_eq!(answer(200, "ok").check(), Ok(()));
        for wrong in [answer(101, ""), answer(600, ""), answer(204, "x"), answer(200, &"x".repeat(LARGEST + 1))] {
            assert!(wrong.check().is_err(), "{}", wrong.status);
        }
        for (name, value) in [("content-length", "1"), ("x-a", "a\r\nb: c"), ("x-holm-principal", "admin")] {
            let headers = [(name.parse().unwrap(), value.to_owned())].into();
            assert!(FixedAnswer { headers, ..answer(200, "") }.check().is_err(), "{name}");
        }
    }
}
