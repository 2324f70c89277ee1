//! Why there is no answer, from the errors of the libraries.

use std::error::Error as StdError;
use std::io;

use crate::runtime::OutboundError;

/// Why no head came.
pub(super) fn explain(error: &hyper_util::client::legacy::Error) -> OutboundError {
    let text = chain(error);
    if !error.is_connect() {
        return match source::<hyper::Error>(error) {
            Some(hyper) if hyper.is_parse() => OutboundError::Protocol(text),
            _ => OutboundError::Terminated(text),
        };
    }
    // what the resolver said
    if let Some(refused) = source::<OutboundError>(error) {
        return refused.clone();
    }
    match source::<io::Error>(error) {
        Some(io) if io.kind() == io::ErrorKind::TimedOut => OutboundError::Timeout,
        Some(io) if io.kind() == io::ErrorKind::ConnectionRefused => OutboundError::Refused(text),
        _ if text.contains("certificate") || text.contains("tls") => OutboundError::Tls(text),
        _ => OutboundError::Refused(text),
    }
}

/// Why a body ended early.
pub(super) fn explain_body(error: &hyper::Error) -> OutboundError {
    let text = chain(error);
    if error.is_parse() { OutboundError::Protocol(text) } else { OutboundError::Terminated(text) }
}

/// The error and what caused it, the outermost first.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn source<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    causes(error).find_map(|error| error.downcast_ref())
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
