//! Every number of the gateway, with its reason.

use std::time::Duration;

use holm_registry::gateway::DoorLimits;

/// Longest queue of connections that the kernel has finished and we have not accepted. A
/// burst of a thousand clients after a deploy must not see refused connections; the kernel
/// caps it at `net.core.somaxconn`.
pub(super) const BACKLOG: u32 = 1024;

/// Pause after accept failed for want of descriptors or memory. Accept would fail again at
/// once and turn the loop into a busy one; the waiting connection stays in the backlog.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a closed connection is still read from, to nowhere. Closing a socket with unread
/// bytes makes the kernel send a reset, which destroys the answer on its way to the client:
/// the 413 of a large upload would arrive as "connection reset".
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// While draining, how long an idle HTTP/1.1 connection stays open for a request that the
/// client may just be sending; it is answered with `connection: close`. Without it a client
/// that reuses a connection in that moment sees it closed under its request.
pub(super) const DRAIN_GRACE: Duration = Duration::from_millis(500);

// Header lines of an HTTP/1.1 request: hyper's own 100, one more is answered with 431. Left
// unset on purpose: setting any number makes hyper allocate for each request.

/// Most bytes of an HTTP/1.1 head, and of the buffer that a connection holds. Four times what
/// a browser full of cookies and a JWT send; nginx takes 32 KiB.
pub(super) const HTTP1_BUFFER: usize = 64 * 1024;

/// Most bytes of an HTTP/2 header list, decoded: bounds what a HPACK bomb unpacks to.
pub(super) const HTTP2_HEADER_LIST: u32 = 32 * 1024;

/// Streams at once on one HTTP/2 connection. RFC 9113 advises 100 or more; load generators
/// and gRPC clients open 200.
pub(super) const HTTP2_STREAMS: u32 = 256;

/// Bytes that a client may send on one stream before the service has read them. The
/// specification's initial value: what one request can make us hold.
pub(super) const HTTP2_STREAM_WINDOW: u32 = 64 * 1024;

/// The same for the whole connection.
pub(super) const HTTP2_CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Bytes of answers buffered for one stream. hyper's 400 KiB times the streams of a connection
/// would be 100 MiB for one client that does not read.
pub(super) const HTTP2_SEND_BUFFER: usize = 64 * 1024;

/// Streams that a client has reset and we have not noticed yet: the answer to "rapid reset"
/// (CVE-2023-44487). hyper's default, stated so that it stays.
pub(super) const HTTP2_PENDING_RESETS: usize = 20;

/// Streams that we had to reset for the client's errors before the connection is ended: the
/// answer to "MadeYouReset" (CVE-2025-8671).
pub(super) const HTTP2_ERROR_RESETS: usize = 128;

/// A ping after this silence, and how long its answer may take: finds clients that went away
/// without a word while a stream is open.
pub(super) const HTTP2_PING: Duration = Duration::from_secs(20);

/// Arguments of a function, in bytes of JSON, whatever a route's own limit is. A megabyte of values
/// is rarely more: base64 adds a third, and a number of eight bytes has at most twenty digits.
pub(super) const ARGUMENTS: usize = 8 << 20;

/// Largest answer of one part of a composition, in bytes. All parts are in memory at once, as values
/// that take several times as much.
pub(super) const PART: usize = 512 * 1024;

/// Clients that watch how services do, at once, whoever they are: no rule stands in front of that, and each looks once a
/// second.
pub(super) const WATCHES: usize = 1000;

/// Longest `x-request-id` that is taken from a client; a longer one is replaced.
pub(super) const REQUEST_ID: usize = 128;

/// What the host's configuration may change, and tests do.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once. Over it, accepting waits and new ones queue in the backlog: each
    /// costs a descriptor and, busy, up to [`HTTP1_BUFFER`] twice.
    pub connections: usize,
    /// Connections of one address at once; one more is closed at once. A fifth of all, so that one
    /// client never has them all; a proxy in front of the gateway needs fewer.
    pub connections_of_one: usize,
    /// Requests of one connection, which then ends in good order: clients come back, and a load
    /// balancer in front may send them to another host.
    pub requests: u64,
    /// From the first byte of a head (on a new connection: from accept) to its end.
    pub head: Duration,
    /// How long a connection may lie unused between requests. Above the 4 s to 55 s after
    /// which common client pools drop a connection themselves, so that it is the client who
    /// closes and no request races a close.
    pub idle: Duration,
    /// How long nobody may say anything on a connection that has become a WebSocket. Browsers and
    /// common servers ping every 20 to 60 s.
    pub tunnel_idle: Duration,
    /// How long a client may take no byte of an answer.
    pub write_stall: Duration,
    /// Largest request body, in bytes.
    pub body: u64,
    /// How slowly a request body may come.
    pub body_pace: Pace,
    /// Ceiling for every request, from its head to the head of the answer; a route's or a
    /// service's own timeout is sooner.
    pub deadline: Duration,
    /// How long a drain may take.
    pub drain: Duration,
    /// The least time between two questions to one issuer of tokens: all that tokens with
    /// invented keys can make us do to it.
    pub key_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_of_one: 2_000,
            requests: 100_000,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            tunnel_idle: Duration::from_secs(120),
            write_stall: Duration::from_secs(30),
            body: 1024 * 1024,
            body_pace: Pace { grace: Duration::from_secs(10), bytes_per_second: 1024 },
            deadline: Duration::from_secs(30),
            drain: Duration::from_secs(30),
            key_interval: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The same with what a manifest says.
    #[must_use]
    pub fn with(self, said: &DoorLimits) -> Self {
        let count = |said: Option<u32>, own: usize| said.and_then(|said| usize::try_from(said).ok()).unwrap_or(own);
        Self {
            connections: count(said.connections, self.connections),
            connections_of_one: count(said.connections_per_client, self.connections_of_one),
            requests: said.requests_per_connection.map_or(self.requests, u64::from),
            head: said.header_timeout.unwrap_or(self.head),
            idle: said.idle_timeout.unwrap_or(self.idle),
            write_stall: said.write_timeout.unwrap_or(self.write_stall),
            tunnel_idle: said.websocket_timeout.unwrap_or(self.tunnel_idle),
            ..self
        }
    }
}

/// The slowest that a body may come: after `grace`, this rate from its beginning on. Slower
/// than any working phone, faster than an attack with a byte a second that holds an instance.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time in which nothing is asked.
    pub grace: Duration,
    /// Bytes for each second after the grace.
    pub bytes_per_second: u32,
}

impl Pace {
    /// How long after a body's beginning more than `received` bytes must be there.
    pub fn due(self, received: u64) -> Duration {
        let rate = f64::from(self.bytes_per_second.max(1));
        // a body is at most some 2^40 bytes: exact in f64
        #[expect(clippy::cast_precision_loss, reason = "a timeout need not be exact to the nanosecond")]
        let earned = Duration::try_from_secs_f64(received as f64 / rate).unwrap_or(Duration::MAX);
        self.grace.saturating_add(earned)
    }
}
