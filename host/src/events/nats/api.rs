//! Questions to JetStream, as JSON.
//!
//! Configurations are taken and given back as they are: a newer server has fields that nobody here knows, and a
//! structure of ours would drop them from a stream that it changes.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::link::{Link, LinkError, LoginError};
use crate::events::bus::BusError;

/// How long the server may take. It answers within milliseconds; a cluster that elects a leader takes seconds.
const WITHIN: Duration = Duration::from_secs(5);

/// The server's numbers for errors that Holm makes something of.
pub mod code {
    /// The account may not use JetStream.
    pub const NOT_ENABLED: u64 = 10039;
    /// There is no such stream.
    pub const NO_STREAM: u64 = 10059;
    /// There is no such consumer.
    pub const NO_CONSUMER: u64 = 10014;
    /// There is a stream of that name already, with other settings.
    pub const NAME_IN_USE: u64 = 10058;
    /// The message went to another stream than expected.
    pub const OTHER_STREAM: u64 = 10060;
    /// The filter of a consumer is not within the subjects of its stream.
    pub const FILTER: u64 = 10093;
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// It did not get through.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The server says no.
    #[error("{text} (NATS error {code})")]
    Refused {
        /// One of [`code`], or another.
        code: u64,
        /// Its words.
        text: String,
    },
}

impl ApiError {
    /// Whether the server has answered with this number.
    pub fn is(&self, number: u64) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == number)
    }
}

/// What it means for whoever asked the bus.
impl From<ApiError> for BusError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Link(LinkError::Nobody) => Self::Away(NO_JETSTREAM.to_owned()),
            ApiError::Link(error) => error.into(),
            ApiError::Refused { code: code::NOT_ENABLED, .. } => Self::Away(NO_ACCOUNT.to_owned()),
            ApiError::Refused { .. } => Self::Refused(error.to_string()),
        }
    }
}

impl From<LoginError> for BusError {
    fn from(error: LoginError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<LinkError> for BusError {
    fn from(error: LinkError) -> Self {
        Self::Away(error.to_string())
    }
}

/// A server without JetStream answers nothing at all to these questions; so does one that has just started.
pub const NO_JETSTREAM: &str = "the NATS server has no JetStream, which keeps the events, or it is not ready yet; \
    start it with `-js`, or with `jetstream {}` in its configuration";
/// It was configured for others.
pub const NO_ACCOUNT: &str = "the account that Holm uses at the NATS server has no JetStream, which keeps the events; \
    add `jetstream: enabled` to the account in the server's configuration, or use another one";

/// Asks `$JS.API.QUESTION`.
///
/// # Errors
/// When there is no answer, or a refusal.
pub async fn ask(link: &Link, question: &str, body: &Value) -> Result<Value, ApiError> {
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    let answer = link.request(&format!("$JS.API.{question}"), &[], body, WITHIN).await?;
    read(&answer.payload)
}

/// Waits until the server has taken in everything that was sent, which it does in order. What it had sent until then
/// has come. (The client library's own `flush` only waits until everything is written to the socket.)
///
/// # Errors
/// When there is no answer.
pub async fn catch_up(link: &Link) -> Result<(), ApiError> {
    ask(link, "INFO", &Value::Null).await.map(drop)
}

/// The answer of a server, which may be a refusal.
///
/// # Errors
/// The refusal.
pub fn read(payload: &[u8]) -> Result<Value, ApiError> {
    let answer: Value = serde_json::from_slice(payload)
        .map_err(|error| LinkError::Unfit(format!("the answer of the NATS server cannot be read: {error}")))?;
    match answer.get("error") {
        None => Ok(answer),
        Some(error) => Err(ApiError::Refused {
            code: error.get("err_code").and_then(Value::as_u64).unwrap_or_default(),
            text: text(error, "description").to_owned(),
        }),
    }
}

/// Asks for a list that comes in pages, and takes what stands under `field` of each.
///
/// # Errors
/// As for [`ask`].
pub async fn ask_all(link: &Link, question: &str, body: Value, field: &str) -> Result<Vec<Value>, ApiError> {
    let (mut all, mut body) = (Vec::new(), body);
    loop {
        if let Some(body) = body.as_object_mut() {
            body.insert("offset".to_owned(), json!(all.len()));
        }
        let mut page = ask(link, question, &body).await?;
        let total = number(&page, "total");
        let items = page.get_mut(field).map(Value::take);
        let Some(Value::Array(items)) = items else { return Ok(all) };
        let last = items.is_empty();
        all.extend(items);
        if last || all.len() as u64 >= total {
            return Ok(all);
        }
    }
}

/// A number of an answer; 0, where it is missing.
pub fn number(answer: &Value, field: &str) -> u64 {
    answer.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// Events of a consumer that were not sent to anybody. The server counts them down ahead of counting them up (its pull
/// request 2357), and old ones (2.9.10) tell what they have then: less than nothing, in 64 bits without a sign.
pub fn pending(info: &Value) -> u64 {
    let told = number(info, "num_pending");
    if i64::try_from(told).is_ok() { told } else { 0 }
}

/// A text of an answer; empty, where it is missing.
pub fn text<'a>(answer: &'a Value, field: &str) -> &'a str {
    answer.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_server_counts_as_an_answer() {
        let refused = read(br#"{"type":"x","error":{"code":503,"err_code":10039,"description":"not enabled"}}"#);
        let error = refused.unwrap_err();
        assert!(error.is(code::NOT_ENABLED) && error.to_string() == "not enabled (NATS error 10039)");
        assert!(BusError::from(error).to_string().contains("add `jetstream: enabled` to the account"));
        assert_eq!(read(br#"{"total":3}"#).map(|answer| number(&answer, "total")), Ok(3));
        assert!(matches!(read(b"<html>"), Err(ApiError::Link(LinkError::Unfit(_)))));
    }

    #[test]
    fn a_server_that_counts_below_nothing_makes_a_lag_without_end() {
        for (told, expected) in [("3", 3), ("18446744073709551615", 0)] {
            let info = read(format!(r#"{{"num_pending":{told}}}"#).as_bytes()).unwrap();
            assert_eq!(pending(&info), expected);
        }
    }
}
