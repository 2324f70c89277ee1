//! `GET /api/logs`: the last lines and those that follow, as server-sent events.
//!
//! Event `log` carries a [`LogLine`], event `lost` a [`LostLines`].

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, StreamExt, stream};
use holm_registry::ServiceName;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::api::{LogLine, LostLines, Problem};
use super::extract::{Asked, service_name};
use super::server::AdminState;
use crate::telemetry::logs::{Followed, Follower};

/// Lines shown at first, unless the client says how many: two screens.
const DEFAULT_LIMIT: usize = 100;
/// Below the idle timeouts of the proxies that people put in front (60 s at the most common one).
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only this service's lines.
    #[param(nullable = false)]
    service: Option<String>,
    /// Go on with new lines until the client leaves.
    #[serde(default)]
    #[param(required = false)]
    follow: bool,
    /// How many of the last lines come first.
    #[param(nullable = false)]
    limit: Option<usize>,
}

/// The log of one service or of all.
#[utoipa::path(
    get, path = "/api/logs", tag = "look", params(Wanted),
    responses((status = 200, body = LogLine, content_type = "text/event-stream"), (status = 404, body = Problem))
)]
pub(super) async fn logs(
    State(state): State<AdminState>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let service = wanted.service.as_deref().map(service_name).transpose()?;
    let (recent, follower) = state.logs.tail(service.as_ref(), wanted.limit.unwrap_or(DEFAULT_LIMIT));
    if let Some(name) = service.as_ref().filter(|_| recent.is_empty()) {
        must_exist(&state, name)?;
    }
    let first = stream::iter(recent.iter().map(|line| event("log", &LogLine::from(&**line))).collect::<Vec<_>>());
    let rest =
        if wanted.follow { followed(follower, service, state.stop.clone()).boxed() } else { stream::empty().boxed() };
    Ok(Sse::new(first.chain(rest).map(Ok)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn must_exist(state: &AdminState, name: &ServiceName) -> Result<(), Problem> {
    let known = state.services.list().iter().any(|status| status.service == *name);
    known.then_some(()).ok_or_else(|| Problem::not_found(format!("no service `{name}`, and no line of its log")))
}

/// Ends when the host stops, so that a follower does not hold up the drain.
fn followed(
    follower: Follower,
    service: Option<ServiceName>,
    stop: CancellationToken,
) -> impl Stream<Item = Event> + Send {
    let lines = stream::unfold(follower, |mut follower| async {
        let next = follower.next().await?;
        Some((next, follower))
    });
    let events = lines.filter_map(move |next| {
        let event = match next {
            Followed::Line(line) if service.as_ref().is_some_and(|wanted| *wanted != line.service) => None,
            Followed::Line(line) => Some(event("log", &LogLine::from(&*line))),
            Followed::Lost(lost) => Some(event("lost", &LostLines { lost })),
        };
        std::future::ready(event)
    });
    events.take_until(async move { stop.cancelled().await })
}

fn event(name: &str, data: &impl Serialize) -> Event {
    // These types always become JSON: no maps with odd keys, no failing serializers.
    let json = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).data(json)
}
