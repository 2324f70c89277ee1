//! How much room instances take, and what is kept for those that could be needed at any time.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The numbers of the places for instances. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct PlaceMetrics {
    total: Gauge,
    taken: Gauge,
    claimed: Gauge,
}

impl PlaceMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let places = Self::default();
        registry.register("holm_places", "Places for instances", places.total.clone());
        registry.register("holm_places_taken", "Places that living instances take", places.taken.clone());
        let claimed = "Places that are kept for one instance of each service, taken or not";
        registry.register("holm_places_claimed", claimed, places.claimed.clone());
        places
    }

    /// There are this many.
    pub fn set_total(&self, total: u32) {
        self.total.set(i64::from(total));
    }

    /// An instance takes some.
    pub fn taken(&self, count: u32) {
        self.taken.inc_by(i64::from(count));
    }

    /// An instance has gone.
    pub fn given_back(&self, count: u32) {
        self.taken.dec_by(i64::from(count));
    }

    /// Some are kept for a service.
    pub fn claimed(&self, count: u32) {
        self.claimed.inc_by(i64::from(count));
    }

    /// A service has gone.
    pub fn unclaimed(&self, count: u32) {
        self.claimed.dec_by(i64::from(count));
    }
}
