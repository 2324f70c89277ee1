//! What can go wrong with a request that bears an `Idempotency-Key`.

use http::StatusCode;

use super::Blame;

/// Why such a request is refused. Nothing has happened then, or what had happened before stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyFault {
    /// The key is no text of bounded length, or there are several.
    Malformed,
    /// The key belongs to another request.
    Reused,
    /// The first request of this key is under way.
    InUse,
    /// The request is larger than what is kept until its end.
    RequestTooLarge,
    /// The answer is larger than what is kept.
    AnswerTooLarge,
}

impl KeyFault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Malformed => "key-malformed",
            Self::Reused => "key-reused",
            Self::InUse => "key-in-use",
            Self::RequestTooLarge => "key-request-too-large",
            Self::AnswerTooLarge => "key-answer-too-large",
        }
    }

    /// As the draft of the header has it; it does not know limits.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Reused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::InUse => StatusCode::CONFLICT,
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::AnswerTooLarge => StatusCode::BAD_GATEWAY,
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The Idempotency-Key is not one text of at most 255 visible characters.",
            Self::Reused => "The Idempotency-Key was used before, for another request.",
            Self::InUse => "The first request with this Idempotency-Key is still under way; try again.",
            Self::RequestTooLarge => "With an Idempotency-Key a request's body may have 1 MiB at most.",
            Self::AnswerTooLarge => {
                "The answer is larger than the 1 MiB that an Idempotency-Key keeps; nothing was done."
            }
        }
    }

    pub(super) fn blame(self) -> Blame {
        match self {
            Self::AnswerTooLarge => Blame::Guest,
            _ => Blame::Caller,
        }
    }
}
