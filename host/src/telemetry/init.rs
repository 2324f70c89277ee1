//! The host's own log: `tracing` events, one line each, on stderr.
//!
//! The filter is the usual `target=level` list. `info`, the default, includes the access log
//! (target `holm::access`, one line per request from outside), as people expect of a gateway;
//! `info,holm::access=warn` leaves it out. What guests write is shown at `holm::guest=debug`, since
//! `holm logs` is the place to read it.

use std::io;
use std::str::FromStr;

use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub use super::writer::FlushGuard;
use super::{access, writer};

/// The filter when nobody asks for another.
pub const DEFAULT_FILTER: &str = "info";

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("`{other}` is no log format; use `text` or `json`")),
        }
    }
}

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter cannot be read.
    #[error("the log filter `{filter}` is not valid ({reason}); write levels such as `info` or `warn,holm=debug`")]
    Filter {
        /// As given.
        filter: String,
        /// What the parser found.
        reason: ParseError,
    },
    /// The writing thread did not start.
    #[error("the thread that writes the log did not start: {0}")]
    Thread(#[from] io::Error),
    /// Somebody else in this process logs already.
    #[error("logging has been started twice: {0}")]
    Twice(#[from] TryInitError),
}

/// Starts the host's log. Keep the guard until the end of the process.
pub fn init(filter: &str, format: LogFormat, color: bool) -> Result<FlushGuard, InitError> {
    let levels = parse_filter(filter)?;
    let (lines, guard) = writer::start(io::stderr())?;
    let access_lines = lines.clone();
    let layer = tracing_subscriber::fmt::layer().with_writer(lines).with_ansi(color);
    let registry = tracing_subscriber::registry().with(levels);
    match format {
        LogFormat::Text => registry.with(layer).try_init()?,
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init()?,
    }
    if tracing::enabled!(target: access::TARGET, tracing::Level::INFO) {
        access::open(access::Sink { lines: access_lines, format, color });
    }
    Ok(guard)
}

/// Reads a filter; config.rs calls it too, so that a wrong one is told before anything starts.
pub fn parse_filter(filter: &str) -> Result<EnvFilter, InitError> {
    EnvFilter::builder()
        .with_regex(false)
        .parse(filter)
        .map_err(|reason| InitError::Filter { filter: filter.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_taken_for_none() {
        let error = parse_filter("info,holm=loud").unwrap_err().to_string();
        assert!(error.contains("`info,holm=loud`") && error.contains("warn,holm=debug"), "{error}");
    }
}
