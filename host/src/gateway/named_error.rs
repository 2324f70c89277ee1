//! What the error of a function means to its caller, by the name of its case.
//!
//! Interfaces say `not-found` or `invalid`; HTTP and gRPC have a number for it. One table for both,
//! so that a function means the same through every door.

use http::StatusCode;

/// What a name means: the status of HTTP, and the code of gRPC
/// (<https://grpc.io/docs/guides/status-codes/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) status: StatusCode,
    pub(super) code: Code,
}

/// The codes of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Words of an error's name, and what they mean. The first that fits counts.
const NAMES: [(&[&str], StatusCode, Code); 12] = [
    (&["not-found", "no-such"], StatusCode::NOT_FOUND, Code::NotFound),
    (&["already-exists", "exists", "taken", "duplicate"], StatusCode::CONFLICT, Code::AlreadyExists),
    (&["conflict", "aborted", "stale"], StatusCode::CONFLICT, Code::Aborted),
    (&["invalid", "invalid-argument", "bad-request", "malformed"], StatusCode::BAD_REQUEST, Code::InvalidArgument),
    (&["out-of-range"], StatusCode::BAD_REQUEST, Code::OutOfRange),
    (&["unauthenticated", "unauthorized"], StatusCode::UNAUTHORIZED, Code::Unauthenticated),
    (&["permission-denied", "forbidden", "denied", "access-denied"], StatusCode::FORBIDDEN, Code::PermissionDenied),
    (
        &["resource-exhausted", "too-many", "rate-limited", "exhausted"],
        StatusCode::TOO_MANY_REQUESTS,
        Code::ResourceExhausted,
    ),
    (&["failed-precondition", "insufficient"], StatusCode::CONFLICT, Code::FailedPrecondition),
    (&["unavailable"], StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
    (&["timeout", "deadline-exceeded"], StatusCode::GATEWAY_TIMEOUT, Code::DeadlineExceeded),
    (&["unimplemented", "unsupported", "not-supported"], StatusCode::NOT_IMPLEMENTED, Code::Unimplemented),
];

/// What an error of this name means. One that says nothing is the caller's to understand: the
/// request was read, and not done.
pub(super) fn meaning(name: &str) -> Meaning {
    let fits =
        |word: &str| name == word || name.starts_with(&format!("{word}-")) || name.ends_with(&format!("-{word}"));
    let known = NAMES.iter().find(|(words, ..)| words.iter().any(|word| fits(word)));
    known.map_or(Meaning { status: StatusCode::UNPROCESSABLE_ENTITY, code: Code::Unknown }, |(_, status, code)| {
        Meaning { status: *status, code: *code }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_means_something_else_than_its_name() {
        for (name, status, code) in [
            ("not-found", 404, Code::NotFound),
            ("user-not-found", 404, Code::NotFound),
            ("no-such-key", 404, Code::NotFound),
            ("already-exists", 409, Code::AlreadyExists),
            ("invalid-quantity", 400, Code::InvalidArgument),
            ("insufficient", 409, Code::FailedPrecondition),
            ("unavailable", 503, Code::Unavailable),
            ("found", 422, Code::Unknown),
            ("refused", 422, Code::Unknown),
        ] {
            let meaning = meaning(name);
            assert_eq!((meaning.status.as_u16(), meaning.code), (status, code), "{name}");
        }
    }
}
