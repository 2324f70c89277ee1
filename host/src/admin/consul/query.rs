//! What a query string asks for. Consistency modes, `near` and the like change nothing where
//! there is one node; what would change the answer and is not supported is refused.

use axum::extract::{FromRequestParts, Query};
use holm_registry::discovery::go_duration;
use http::StatusCode;
use http::request::Parts;
use std::time::Duration;

use super::refusal::Refusal;

/// The one datacenter.
pub(super) const DATACENTER: &str = "dc1";
/// What Consul waits without being told, and at most.
const DEFAULT_WAIT: Duration = Duration::from_secs(5 * 60);
const MAX_WAIT: Duration = Duration::from_secs(10 * 60);

/// A query.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Asked {
    /// Answer when something is newer than this.
    pub(super) index: Option<u64>,
    /// Answer after this time in any case.
    pub(super) wait: Duration,
    /// Only what passes all its checks.
    pub(super) passing: bool,
    /// Only what has all these tags.
    pub(super) tags: Vec<String>,
    /// What a client says with `pass`, `warn` and `fail`.
    pub(super) note: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = pairs.map_err(|error| Refusal::bad_request(error.body_text()))?;
        read(pairs)
    }
}

fn read(pairs: Vec<(String, String)>) -> Result<Asked, Refusal> {
    let mut asked = Asked { wait: DEFAULT_WAIT, ..Asked::default() };
    for (key, value) in pairs {
        match key.as_str() {
            "index" => asked.index = Some(value.parse().map_err(|_| Refusal::bad_request("Invalid index"))?),
            "wait" if !value.is_empty() => asked.wait = wait(&value)?,
            "passing" => asked.passing = passing(&value)?,
            "tag" => asked.tags.push(value),
            "note" => asked.note = value,
            "filter" if !value.is_empty() => {
                return Err(Refusal::bad_request("filter is not supported: use tag and passing"));
            }
            "dc" if !value.is_empty() && value != DATACENTER => {
                return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "No path to datacenter"));
            }
            _ => {}
        }
    }
    asked.index = asked.index.filter(|index| *index > 0);
    Ok(asked)
}

fn wait(text: &str) -> Result<Duration, Refusal> {
    let wait = go_duration::parse(text).map_err(|_| Refusal::bad_request("Invalid wait time"))?;
    Ok(if wait.is_zero() { DEFAULT_WAIT } else { wait.min(MAX_WAIT) })
}

/// A bare `passing` is true.
fn passing(text: &str) -> Result<bool, Refusal> {
    match text {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Refusal::bad_request("Invalid value for ?passing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<Asked, Refusal> {
        let pair =
            |pair: &str| pair.split_once('=').map_or((pair.into(), String::new()), |(k, v)| (k.into(), v.into()));
        read(text.split('&').map(pair).collect())
    }

    #[test]
    fn a_client_waits_for_hours() {
        assert_eq!(asked("index=7&wait=24h").unwrap().wait, MAX_WAIT);
        assert_eq!(asked("index=7&wait=0s").unwrap().wait, DEFAULT_WAIT);
        assert_eq!(asked("index=7").unwrap().wait, DEFAULT_WAIT);
        assert_eq!(asked("index=0&wait=1m30s").unwrap(), Asked { wait: Duration::from_secs(90), ..Asked::default() });
    }

    #[test]
    fn a_query_of_a_consul_client_is_misread() {
        let all = asked("passing&tag=a&tag=b&stale=1&near=_agent&dc=dc1&token=x").unwrap();
        assert_eq!((all.passing, all.tags.as_slice()), (true, ["a".to_owned(), "b".to_owned()].as_slice()));
        assert!(!asked("passing=false").unwrap().passing);
        for bad in ["index=x", "index=-1", "wait=x", "passing=maybe", "filter=Service.ID==a", "dc=dc2"] {
            assert!(asked(bad).is_err(), "{bad}");
        }
    }
}
