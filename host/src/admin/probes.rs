//! What monitoring asks, without a token.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use super::api::Problem;
use super::server::AdminState;
use crate::events::bus::BusState;
use crate::telemetry::metrics::CONTENT_TYPE;

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "probes", security(()), responses((status = 200, body = String)))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The host takes requests: every service of the data directory is back, the store takes writes. What does not work
/// and does not keep services from serving is named.
#[utoipa::path(
    get, path = "/readyz", tag = "probes", security(()),
    responses((status = 200, body = String), (status = 503, body = Problem))
)]
pub(super) async fn readyz(State(state): State<AdminState>) -> Result<String, Problem> {
    let not_ready = |why| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "The host is not ready.", why);
    state.services.ready().map_err(not_ready)?;
    match state.events.bus().state() {
        BusState::Ready => Ok("ready\n".to_owned()),
        BusState::Degraded(why) => Ok(format!("ready\ndegraded: events: {why}\n")),
    }
}

/// Requests, faults, latencies, instances and swaps by service and revision, as OpenMetrics text.
#[utoipa::path(get, path = "/metrics", tag = "probes", security(()),
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(State(state): State<AdminState>) -> Response {
    state.services.update_metrics();
    state.discovery.update_metrics();
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], state.metrics.encode()).into_response()
}
