//! How it goes with NATS.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The numbers of the connection to NATS and of what goes over it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct NatsMetrics {
    connections: Counter,
    slow_consumers: Counter,
    stalled_pulls: Counter,
    sent: Counter,
    duplicates: Counter,
    resent: Counter,
    waiting: Gauge,
    waiting_bytes: Gauge,
}

impl NatsMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let nats = Self::default();
        let connections = "Connections to a NATS server, the first included";
        registry.register("holm_nats_connections", connections, nats.connections.clone());
        let slow = "Messages that came in faster than they were taken out, and were let go";
        registry.register("holm_nats_slow_consumers", slow, nats.slow_consumers.clone());
        let stalled = "Requests for messages that the server forgot, made anew";
        registry.register("holm_nats_stalled_pulls", stalled, nats.stalled_pulls.clone());
        registry.register("holm_nats_sent", "Events that the server has confirmed", nats.sent.clone());
        let duplicates = "Those of them that it had already";
        registry.register("holm_nats_sent_duplicates", duplicates, nats.duplicates.clone());
        registry.register("holm_nats_resent", "Events that were not confirmed and sent again", nats.resent.clone());
        registry.register("holm_nats_waiting", "Events that wait to be sent", nats.waiting.clone());
        registry.register("holm_nats_waiting_bytes", "Bytes of the events that wait", nats.waiting_bytes.clone());
        nats
    }

    /// There is a connection; answers how many there were.
    pub fn connected(&self) -> u64 {
        self.connections.inc() + 1
    }

    /// A message was dropped.
    pub fn slow_consumer(&self) {
        self.slow_consumers.inc();
    }

    /// How many messages were dropped.
    pub fn slow_consumers(&self) -> u64 {
        self.slow_consumers.get()
    }

    /// A request for messages was made anew.
    pub fn stalled_pull(&self) {
        self.stalled_pulls.inc();
    }

    /// How many requests for messages were made anew.
    pub fn stalled_pulls(&self) -> u64 {
        self.stalled_pulls.get()
    }

    /// The server has confirmed an event.
    pub fn sent(&self, duplicate: bool) {
        self.sent.inc();
        self.duplicates.inc_by(u64::from(duplicate));
    }

    /// How many events the server has confirmed, and how many of them it had already.
    pub fn confirmed(&self) -> (u64, u64) {
        (self.sent.get(), self.duplicates.get())
    }

    /// An event is sent again.
    pub fn resent(&self) {
        self.resent.inc();
    }

    /// This much waits to be sent.
    pub fn waiting(&self, events: u64, bytes: u64) {
        self.waiting.set(i64::try_from(events).unwrap_or(i64::MAX));
        self.waiting_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}
