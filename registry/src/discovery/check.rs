//! What a check asks, how often, and what makes it change its mind.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::url::{HttpUrl, TcpAddress};
use crate::units::duration_text;

/// Shorter intervals are raised to this, as Consul's agent does: a probe is a connection each time.
pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// What Consul's agent takes when a check names no timeout.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest timeout: a probe that hangs keeps one of the places for probes.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest interval, TTL and grace before a deregistration: more is a mistake in the unit.
pub const MAX_PERIOD: Duration = Duration::from_secs(7 * 24 * 3600);
/// Bytes of a check's last output that are kept; Consul's agent keeps 4 KiB, too.
pub const MAX_OUTPUT: usize = 4096;
/// Headers of an HTTP check, and bytes of its body: what is sent at every interval.
const MAX_HEADERS: usize = 32;
const MAX_BODY: usize = 8 << 10;
/// Results in a row that a threshold can ask for.
const MAX_THRESHOLD: u32 = 1000;

/// How well something is, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It answers well.
    Passing,
    /// It answers, and asks to be spared when others are passing.
    Warning,
    /// It gets no requests.
    Critical,
}

/// One check of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckSpec {
    /// Unique on this host: `service:users-1`.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    pub notes: String,
    /// What is asked.
    pub how: How,
    /// The instance goes when this check has been critical for so long.
    #[serde(default, with = "duration_text::option")]
    pub deregister_after: Option<Duration>,
    /// Results in a row before the status follows.
    pub thresholds: Thresholds,
    /// Before the first result. Critical unless the registration says otherwise, so that nothing
    /// is sent to an instance that has not answered yet.
    pub initial: Status,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// A request: 2xx passes, 429 warns, anything else is critical (as in Consul).
    Http {
        /// What is requested, and how.
        request: HttpCheck,
        /// When.
        pace: Pace,
    },
    /// A connection that is accepted.
    Tcp {
        /// `host:port`.
        address: TcpAddress,
        /// When.
        pace: Pace,
    },
    /// The instance itself says how it is, again and again.
    Ttl(#[serde(with = "duration_text")] Duration),
    /// Holm's own service: the host says how it is. Never registered by anybody.
    Host,
}

/// The request of an HTTP check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpCheck {
    /// Where.
    pub url: HttpUrl,
    /// A method token: `GET`.
    pub method: String,
    /// Sent along.
    pub headers: Vec<(String, String)>,
    /// Sent along.
    pub body: String,
}

/// When something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// From one result to the next question.
    #[serde(with = "duration_text")]
    pub interval: Duration,
    /// How long an answer may take.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
}

/// Results in a row before the status follows them; 1 follows at once. Consul's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Good results before passing or warning.
    pub success_before_passing: u32,
    /// Bad results before warning; as many as before critical when nobody says so.
    pub failures_before_warning: u32,
    /// Bad results before critical.
    pub failures_before_critical: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { success_before_passing: 1, failures_before_warning: 1, failures_before_critical: 1 }
    }
}

/// Why a check cannot be. Short, since Node's Consul client shows only short texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CheckError {
    /// A time that is zero or absurd.
    #[error("{what} must be above 0 and at most {most:?}")]
    Time {
        /// Which.
        what: &'static str,
        /// The upper bound.
        most: Duration,
    },
    /// A method or header that HTTP does not have.
    #[error("{0:?} cannot stand in an HTTP request")]
    Http(String),
    /// Too much of something.
    #[error("{what} has more than {most}")]
    TooLarge {
        /// Which.
        what: &'static str,
        /// The upper bound, with its unit.
        most: &'static str,
    },
}

impl CheckSpec {
    /// Whether the host can do this.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), CheckError> {
        match &self.how {
            How::Http { request, pace } => request.check().and_then(|()| pace.check()),
            How::Tcp { pace, .. } => pace.check(),
            How::Ttl(ttl) => bounded("TTL", *ttl, MAX_PERIOD),
            How::Host => Ok(()),
        }?;
        if let Some(after) = self.deregister_after {
            bounded("DeregisterCriticalServiceAfter", after, MAX_PERIOD)?;
        }
        let Thresholds { success_before_passing, failures_before_warning, failures_before_critical } = self.thresholds;
        let most = success_before_passing.max(failures_before_warning).max(failures_before_critical);
        if most > MAX_THRESHOLD {
            return Err(CheckError::TooLarge { what: "a threshold", most: "1000 results" });
        }
        Ok(())
    }
}

impl HttpCheck {
    fn check(&self) -> Result<(), CheckError> {
        let bad = |text: &str| CheckError::Http(text.chars().take(40).collect());
        http::Method::from_bytes(self.method.as_bytes()).map_err(|_| bad(&self.method))?;
        for (name, value) in &self.headers {
            name.parse::<http::HeaderName>().map_err(|_| bad(name))?;
            value.parse::<http::HeaderValue>().map_err(|_| bad(value))?;
        }
        if self.headers.len() > MAX_HEADERS {
            return Err(CheckError::TooLarge { what: "Header", most: "32 headers" });
        }
        if self.body.len() > MAX_BODY {
            return Err(CheckError::TooLarge { what: "Body", most: "8 KiB" });
        }
        Ok(())
    }
}

impl Pace {
    /// With an interval that is not too short; see [`MIN_INTERVAL`].
    pub fn new(interval: Duration, timeout: Option<Duration>) -> Self {
        let raised = if interval.is_zero() { interval } else { interval.max(MIN_INTERVAL) };
        Self { interval: raised, timeout: timeout.unwrap_or(DEFAULT_TIMEOUT) }
    }

    fn check(&self) -> Result<(), CheckError> {
        bounded("Interval", self.interval, MAX_PERIOD)?;
        bounded("Timeout", self.timeout, MAX_TIMEOUT)
    }
}

fn bounded(what: &'static str, time: Duration, most: Duration) -> Result<(), CheckError> {
    if time.is_zero() || time > most { Err(CheckError::Time { what, most }) } else { Ok(()) }
}

impl Status {
    /// Consul's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Passing, Self::Warning, Self::Critical]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no status: passing, warning or critical"))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The first [`MAX_OUTPUT`] bytes, in whole characters.
pub fn clip_output(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_OUTPUT));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ttl(how: How) -> CheckSpec {
        CheckSpec {
            id: "service:a".to_owned(),
            name: String::new(),
            notes: String::new(),
            how,
            deregister_after: None,
            thresholds: Thresholds::default(),
            initial: Status::Critical,
        }
    }

    #[test]
    fn a_check_without_end_is_accepted() {
        assert_eq!(ttl(How::Ttl(Duration::from_secs(1))).check(), Ok(()));
        for time in [Duration::ZERO, MAX_PERIOD + Duration::from_secs(1)] {
            assert!(ttl(How::Ttl(time)).check().is_err(), "{time:?}");
            let late = CheckSpec { deregister_after: Some(time), ..ttl(How::Ttl(Duration::from_secs(1))) };
            assert!(late.check().unwrap_err().to_string().starts_with("DeregisterCriticalServiceAfter"));
        }
        let address: TcpAddress = "127.0.0.1:1".parse().unwrap();
        let slow = Pace::new(Duration::from_secs(10), Some(Duration::from_secs(61)));
        assert!(ttl(How::Tcp { address: address.clone(), pace: slow }).check().is_err());
        let never = Pace::new(Duration::ZERO, None);
        assert!(ttl(How::Tcp { address, pace: never }).check().is_err());
        assert_eq!(Pace::new(Duration::from_millis(1), None).interval, MIN_INTERVAL);
    }

    #[test]
    fn a_header_smuggles_another_request_into_a_check() {
        let request = HttpCheck {
            url: "http://127.0.0.1:1/".parse().unwrap(),
            method: "GET".to_owned(),
            headers: vec![("x-probe".to_owned(), "1".to_owned())],
            body: String::new(),
        };
        assert_eq!(request.check(), Ok(()));
        for (name, value) in [("x\r\ny", "1"), ("x", "1\r\nHost: evil"), ("", "1")] {
            let bad = HttpCheck { headers: vec![(name.to_owned(), value.to_owned())], ..request.clone() };
            assert!(matches!(bad.check(), Err(CheckError::Http(_))), "{name:?} {value:?}");
        }
        let bad = HttpCheck { method: "GET / HTTP/1.1".to_owned(), ..request };
        assert!(matches!(bad.check(), Err(CheckError::Http(_))));
    }

    #[test]
    fn an_output_is_cut_within_a_character() {
        let clipped = clip_output("ü".repeat(MAX_OUTPUT));
        assert_eq!(clipped.len(), MAX_OUTPUT);
        let odd = clip_output(format!("a{}", "ü".repeat(MAX_OUTPUT)));
        assert_eq!(odd.len(), MAX_OUTPUT - 1);
    }
}
