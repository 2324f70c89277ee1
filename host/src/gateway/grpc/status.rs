//! How a call went, in gRPC's words.

use std::fmt::Write;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::fault::{Fault, FaultKind};
use crate::gateway::auth::Refusal;
use crate::gateway::named_error::Code;
use crate::gateway::respond::Problem;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Longest message, in bytes: with its escapes it stays far below what clients take as trailers.
const LONGEST: usize = 1024;

/// A code, and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Status {
    pub(super) code: Code,
    pub(super) message: String,
}

impl Status {
    /// Nothing went wrong.
    pub(in crate::gateway) const OK: Self = Self { code: Code::Ok, message: String::new() };

    pub(in crate::gateway) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The status of what keeps a request from its target, or of what fails there. Of the inside a
    /// client learns as little as over HTTP.
    pub(in crate::gateway) fn of(problem: &Problem) -> Self {
        let code = match problem {
            Problem::NotFound | Problem::MethodNotAllowed(_) => Code::Unimplemented,
            Problem::BadHead(detail) => return Self::new(Code::InvalidArgument, *detail),
            Problem::Unauthenticated(_) => Code::Unauthenticated,
            Problem::Refused(Refusal::NoKeys(_)) => Code::Unavailable,
            Problem::Refused(_) => Code::PermissionDenied,
            Problem::TooMany(_) => Code::ResourceExhausted,
            Problem::Fault(fault) => of_fault(fault),
            _ => Code::Unknown,
        };
        Self::new(code, problem.title())
    }

    /// As trailers, or as the head of an answer that has no message.
    pub(super) fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::new();
        fields.insert(STATUS, HeaderValue::from(self.code as u16));
        if !self.message.is_empty()
            && let Ok(message) = HeaderValue::try_from(escaped(&self.message))
        {
            fields.insert(MESSAGE, message);
        }
        fields
    }

    /// As the text of a last frame.
    pub(super) fn text(&self) -> String {
        let message = if self.message.is_empty() {
            String::new()
        } else {
            format!("grpc-message:{}\r\n", escaped(&self.message))
        };
        format!("grpc-status:{}\r\n{message}", self.code as u8)
    }
}

fn of_fault(fault: &Fault) -> Code {
    match fault.kind {
        FaultKind::Deadline | FaultKind::BodyTimeout => Code::DeadlineExceeded,
        FaultKind::Overload | FaultKind::NoService | FaultKind::Backlog | FaultKind::Dependency => Code::Unavailable,
        FaultKind::BadRequest | FaultKind::Key(_) => Code::InvalidArgument,
        FaultKind::BodyTooLarge | FaultKind::DiskFull => Code::ResourceExhausted,
        FaultKind::Conflict => Code::Aborted,
        FaultKind::Trap | FaultKind::Limit | FaultKind::Host => Code::Internal,
    }
}

/// Percent-encoded as the protocol wants it: all but printable ASCII, and `%` itself.
fn escaped(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for byte in message.bytes().take(LONGEST) {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            text.push(char::from(byte));
        } else {
            // writing into a `String` cannot fail
            let _infallible = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_breaks_the_trailers() {
        let status = Status::new(Code::NotFound, "no ü\r\n100%");
        let fields = status.fields();
        assert_eq!(
            (&fields["grpc-status"], &fields["grpc-message"]),
            (&"5".parse().unwrap(), &"no %C3%BC%0D%0A100%25".parse().unwrap())
        );
        assert_eq!(status.text(), "grpc-status:5\r\ngrpc-message:no %C3%BC%0D%0A100%25\r\n");
        assert_eq!(Status::OK.text(), "grpc-status:0\r\n");
        assert!(!Status::OK.fields().contains_key("grpc-message"));
    }
}
