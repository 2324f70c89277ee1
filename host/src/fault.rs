//! Why an invocation failed, and with whose fault.
//!
//! A [`Fault`] has two texts: `detail` is for the log alone, [`FaultKind::title`] is for the
//! client. The one table from fault to HTTP status is [`FaultKind::status`].

mod key;

use std::fmt;
use std::time::Duration;

use holm_registry::settings::Limit;
use http::StatusCode;

pub use self::key::KeyFault;

/// When it is worth trying again to publish: a broker that is back takes thousands of events a second, and one that
/// is away is asked for about that often.
const AFTER_BACKLOG: Duration = Duration::from_secs(5);

/// Whose fault it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The component broke its contract.
    Guest,
    /// The request was wrong.
    Caller,
    /// Holm or the machine under it.
    Host,
    /// Nobody's: there was more work than room.
    Overload,
}

/// What went wrong, as counted in `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The guest trapped, panicked or broke the protocol of its interface.
    Trap,
    /// The guest went over its memory, CPU or another limit.
    Limit,
    /// The wall-clock deadline passed.
    Deadline,
    /// The service's permits and its queue are taken.
    Overload,
    /// The request cannot be understood or is not allowed.
    BadRequest,
    /// The request's body is larger than the route allows.
    BodyTooLarge,
    /// The request's body came too slowly.
    BodyTimeout,
    /// The state that the invocation read has changed under it.
    Conflict,
    /// No service of that name is live.
    NoService,
    /// A service that this one called has failed.
    Dependency,
    /// The store refuses writes for want of disk space.
    DiskFull,
    /// Too many published events wait to be sent.
    Backlog,
    /// An `Idempotency-Key` that cannot be honoured.
    Key(KeyFault),
    /// The host failed.
    Host,
}

impl FaultKind {
    /// The name in metrics, logs and the `type` of a problem document.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Limit => "limit",
            Self::Deadline => "deadline",
            Self::Overload => "overload",
            Self::BadRequest => "bad-request",
            Self::BodyTooLarge => "body-too-large",
            Self::BodyTimeout => "body-timeout",
            Self::Conflict => "conflict",
            Self::NoService => "no-service",
            Self::Dependency => "dependency",
            Self::DiskFull => "disk-full",
            Self::Backlog => "backlog",
            Self::Key(fault) => fault.name(),
            Self::Host => "host",
        }
    }

    /// The status a client sees.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Trap | Self::Limit | Self::Dependency => StatusCode::BAD_GATEWAY,
            Self::Deadline => StatusCode::GATEWAY_TIMEOUT,
            Self::Overload | Self::NoService | Self::Backlog => StatusCode::SERVICE_UNAVAILABLE,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Key(fault) => fault.status(),
            Self::Host => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// One sentence for the client; it tells nothing about the inside.
    pub fn title(self) -> &'static str {
        match self {
            Self::Trap => "The service failed while it answered.",
            Self::Limit => "The service went over one of its limits.",
            Self::Deadline => "The service did not answer in time.",
            Self::Overload => "The service has more requests than it can take.",
            Self::BadRequest => "The request is not valid.",
            Self::BodyTooLarge => "The request's body is too large.",
            Self::BodyTimeout => "The request's body came too slowly.",
            Self::Conflict => "The data changed while the request was handled; try again.",
            Self::NoService => "The service is not running.",
            Self::Dependency => "A service that this one needs has failed.",
            Self::DiskFull => "The host has no space left to store the change.",
            Self::Backlog => "The service publishes events, and too many of them wait to be sent.",
            Self::Key(fault) => fault.title(),
            Self::Host => "The host failed.",
        }
    }

    /// Whose fault it was.
    pub fn blame(self) -> Blame {
        match self {
            Self::Trap | Self::Limit | Self::Deadline | Self::Dependency => Blame::Guest,
            Self::BadRequest | Self::BodyTooLarge | Self::BodyTimeout | Self::Conflict => Blame::Caller,
            Self::Overload | Self::Backlog => Blame::Overload,
            Self::NoService | Self::DiskFull | Self::Host => Blame::Host,
            Self::Key(fault) => fault.blame(),
        }
    }
}

impl Blame {
    /// The name in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Caller => "caller",
            Self::Host => "host",
            Self::Overload => "overload",
        }
    }
}

/// One failed invocation.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// For the log alone: never sent to a client.
    pub detail: String,
    /// When it is worth trying again.
    pub retry_after: Option<Duration>,
    /// The limit that was met, if it was one. It is counted together with the fault.
    pub limit: Option<Limit>,
}

impl Fault {
    /// A fault with its text for the log.
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        let retry_after = match kind {
            FaultKind::Overload | FaultKind::NoService => Some(Duration::from_secs(1)),
            FaultKind::Backlog => Some(AFTER_BACKLOG),
            _ => None,
        };
        Self { kind, detail: detail.into(), retry_after, limit: None }
    }

    /// The guest went over one of its limits; `how` goes on from the limit's name.
    pub fn over(limit: Limit, how: impl fmt::Display) -> Self {
        Self::new(FaultKind::Limit, format!("{} {how}", limit.name())).at(limit)
    }

    /// For `retry-after`: in whole seconds, rounded up, since 0 would mean "at once".
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let whole = |after: Duration| after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.retry_after.map(|after| whole(after).max(1))
    }

    /// The same fault, counted for a limit, too.
    pub fn at(self, limit: Limit) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.detail)
    }
}

impl std::error::Error for Fault {}
