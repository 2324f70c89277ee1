//! Everything a revision is deployed with, checked, with every default in one place.
//!
//! Settings travel as JSON (admin API, catalog); `holm.toml` is parsed into them by
//! [`crate::manifest`]. A missing key means its default; an unknown key is an error; which values
//! make sense is checked by [`Settings::check`] in [`bounds`].

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::grant::UrlGrant;
use crate::name::ServiceName;
use crate::subject::{Subject, SubjectPattern};
use crate::units::{ByteSize, duration_text};

pub mod bounds;
pub(crate) mod call_bounds;
mod call_target;
mod calls;
mod fallback;
pub mod grpc;
mod limit;
mod subscribe;
mod subscribe_bounds;

pub use call_target::{CallTarget, CallTargetError};
pub use calls::{BreakerSettings, BulkheadSettings, CallRules, CallSettings, RetrySettings};
pub(crate) use fallback::Keys as FallbackKeys;
pub use fallback::{Fallback, NoFallback};
pub use grpc::GrpcSettings;
pub use limit::Limit;
pub use subscribe::{Order, Start, Subscribe, UnknownOrder, UnknownStart, durable_name};

/// How long an instance lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// One instance serves many invocations, one at a time.
    Reuse,
    /// A fresh instance for every invocation.
    Invocation,
}

/// A word that is no [`Isolation`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no isolation; write `reuse` (an instance serves many invocations) or `invocation` (a fresh one each)"
)]
pub struct UnknownIsolation(pub String);

impl FromStr for Isolation {
    type Err = UnknownIsolation;

    fn from_str(text: &str) -> Result<Self, UnknownIsolation> {
        match text {
            "reuse" => Ok(Self::Reuse),
            "invocation" => Ok(Self::Invocation),
            _ => Err(UnknownIsolation(text.to_owned())),
        }
    }
}

impl Isolation {
    /// As the manifest writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reuse => "reuse",
            Self::Invocation => "invocation",
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The settings of one revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `None`: chosen by what the component exports (`reuse`, except for a
    /// WASI 0.2 `incoming-handler`, whose guests were built for fresh stores).
    pub isolation: Option<Isolation>,
    /// How many invocations a reused instance serves before it is replaced: bounds what a
    /// slow leak in a guest can cost. The same number as `wasmtime serve` uses for WASI 0.3.
    pub reuse: u32,
    /// How many instances there may be, and how many wait warm.
    pub instances: Instances,
    /// Wall time of one invocation, queueing included. A gateway's patience, below the 5 s
    /// after which browsers' users give up.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
    /// Limits of one island.
    pub limits: Limits,
    /// How the host asks whether a new revision is well. `None`: not at all.
    pub health: Option<Health>,
    /// What the guest reads through `wasi:config/store`.
    pub config: BTreeMap<String, String>,
    /// What the service may do outside its island. Nothing by default.
    pub grants: Grants,
    /// When its calls leave a failing target alone, unless `calls` says otherwise for it.
    pub breaker: BreakerSettings,
    /// How often its calls are tried again, unless `calls` says otherwise for a target.
    pub retry: RetrySettings,
    /// What it says about its calls, by target.
    pub calls: BTreeMap<CallTarget, CallSettings>,
    /// The events that it is given, each subject once.
    pub subscribe: Vec<Subscribe>,
    /// An interface that is answered over gRPC, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            isolation: None,
            reuse: 128,
            instances: Instances::default(),
            timeout: Duration::from_secs(3),
            limits: Limits::default(),
            health: None,
            config: BTreeMap::new(),
            grants: Grants::default(),
            breaker: BreakerSettings::default(),
            retry: RetrySettings::default(),
            calls: BTreeMap::new(),
            subscribe: Vec::new(),
            grpc: None,
        }
    }
}

impl Settings {
    /// How many invocations may run at once. An invocation let in beyond what all instances
    /// together take would hold its permit only to wait; it waits in the queue instead, and the
    /// smaller of both numbers is what holds. A larger `limits.concurrency` is therefore no error:
    /// it is what the default of 64 means for a service with few instances.
    pub fn permits(&self) -> u32 {
        self.limits.concurrency.min(self.instances.max.saturating_mul(self.instances.concurrency))
    }
}

/// The instance pool of one revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Instances {
    /// The most that may live at once.
    pub max: u32,
    /// Requests at once in one instance, as Cloud Run and Knative use the word. More than one is for
    /// WASI 0.3 services that wait more than they compute, and only for those whose requests need
    /// not be told apart: without state, events, calls and outgoing HTTP. One instance is then one
    /// account: its memory, its handles and its CPU time are shared by all requests in it.
    pub concurrency: u32,
    /// Made ahead when the revision goes live.
    pub warm: u32,
    /// An unused instance is dropped after this time, so that a quiet service costs no memory.
    #[serde(with = "duration_text")]
    pub idle: Duration,
    /// An instance whose memory has grown by more than this since it was made is replaced, not
    /// kept: linear memory never shrinks, so one large request would cost its memory for as long
    /// as the service is busy. A quarter of the default memory limit.
    pub growth: ByteSize,
}

impl Default for Instances {
    fn default() -> Self {
        Self { max: 64, concurrency: 1, warm: 1, idle: Duration::from_secs(30), growth: ByteSize::mib(16) }
    }
}

/// Limits of one island. [`Limit`] names them all and says what each is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Linear memory of one instance, all its memories together.
    pub memory: ByteSize,
    /// Elements of all tables of one instance, 8 bytes each. The JavaScript engines need about
    /// 20,000; the pool holds no larger table.
    pub table_elements: u32,
    /// Handles that one instance may hold open on the host's side: streams, fields, requests. A
    /// busy handler has dozens, and guests that collect garbage leave some behind. Each may keep
    /// up to 32 KiB of fields or body in the host's memory, so the worst that 2,000 can hold is
    /// about what the guest may have in its own.
    pub handles: u32,
    /// Bytes that one call from the guest to the host may carry, and the bytes of values that a
    /// batch may bring back: what a guest can make the host allocate at once. Room for a whole
    /// batch of ordinary values. A service that makes or takes typed calls may hand over more, if
    /// a megabyte of their values takes more in memory: at most 64 MiB.
    pub host_call: ByteSize,
    /// CPU time that one invocation may use, by the clock of the threads that run it. Time spent
    /// waiting costs nothing.
    #[serde(with = "duration_text")]
    pub cpu: Duration,
    /// Invocations at once; never more than there may be instances, see [`Settings::permits`].
    pub concurrency: u32,
    /// Invocations that may wait for a permit; one more is turned away with 503.
    pub queue: u32,
    /// How long one of them waits, at most until its deadline. A third of the default timeout:
    /// whoever is let in has two thirds left, so that under overload answers are still in time.
    #[serde(with = "duration_text")]
    pub queue_wait: Duration,
    /// Largest body that the guest is given. The gateway's own limit holds first.
    pub request_body: ByteSize,
    /// Largest body that the guest may answer with.
    pub response_body: ByteSize,
    /// Bytes of header names and values in any message that the guest makes. The gateway lets in
    /// as many.
    pub response_head: ByteSize,
    /// Header fields of an answer. HAProxy and many clients read about 100 at most.
    pub response_headers: u32,
    /// Keys in the key-value store. A million keys of the usual 100 bytes are a third of `state`.
    pub keys: u32,
    /// Bytes of keys and values in the key-value store. The store takes about three times as much
    /// on disk, and reads all of it when the host starts.
    pub state: ByteSize,
    /// Largest value in the key-value store. The store keeps values up to 96 KiB in one
    /// record (sled's pages stay whole below that) and splits larger ones.
    pub value: ByteSize,
    /// Bytes of log text a second; more is dropped and counted.
    pub log_rate: ByteSize,
    /// Requests to the outside at once, from their start to the end of the answer's body. Each
    /// holds a connection and up to 64 KiB of its answer; 32 are half of the default
    /// `concurrency`, so one slow upstream does not fill the host's table of open files.
    pub outgoing: u32,
    /// Largest body in an answer from outside: as large as an answer of our own.
    pub outgoing_body: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize::mib(64),
            table_elements: 65_536,
            handles: 2_000,
            host_call: ByteSize::mib(8),
            cpu: Duration::from_millis(500),
            concurrency: 64,
            queue: 128,
            queue_wait: Duration::from_secs(1),
            request_body: ByteSize::mib(8),
            response_body: ByteSize::mib(64),
            response_head: ByteSize::kib(32),
            response_headers: 100,
            keys: 1_000_000,
            state: ByteSize::mib(256),
            value: ByteSize::mib(1),
            log_rate: ByteSize::kib(64),
            outgoing: 32,
            outgoing_body: ByteSize::mib(64),
        }
    }
}

/// An HTTP probe: a status from 200 to 399 means well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Path and query asked with GET.
    pub path: String,
    /// Time between two probes of a live revision.
    #[serde(with = "duration_text", default = "Health::default_interval")]
    pub interval: Duration,
    /// How long one probe may take.
    #[serde(with = "duration_text", default = "Health::default_timeout")]
    pub timeout: Duration,
}

impl Health {
    /// As in the Consul registrations that people bring along.
    pub fn default_interval() -> Duration {
        Duration::from_secs(10)
    }
    /// As in the Consul registrations that people bring along.
    pub fn default_timeout() -> Duration {
        Duration::from_secs(5)
    }
}

/// What a service may do outside its island.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// What outgoing HTTP may reach: `https://api.example.com/v1/`, or only with some methods,
    /// `GET,POST https://*.example.com/`. A name reaches what is inside (private, loopback, …)
    /// only at addresses that are granted as such: `http://10.0.0.5:8080/`.
    pub http: Vec<UrlGrant>,
    /// Services that it may reach by HTTP under their name: `http://inventory/`.
    pub services: Vec<ServiceName>,
    /// Subjects that it may publish events to. No pattern reaches a reserved subject.
    pub publish: Vec<SubjectPattern>,
    /// Secrets by name. They are read like config, and never listed, shown or logged.
    pub secrets: BTreeMap<String, Secret>,
}

impl Grants {
    /// Whether events may be published to a subject.
    pub fn may_publish(&self, subject: &Subject) -> bool {
        !subject.is_reserved() && self.publish.iter().any(|granted| granted.matches(subject))
    }
}

/// A value that never shows itself in logs, tables or diagnostics.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }
    /// The value itself, for the one place that hands it to the guest.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
