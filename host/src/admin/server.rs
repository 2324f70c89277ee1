//! The router, its OpenAPI document, and the server around them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::{Json, Router};
use holm_registry::store::Store;
use http::{HeaderValue, StatusCode, header};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::Problem;
use super::consul::{self, ConsulState};
use super::tokens::Tokens;
use super::{
    audit, call, components, dead_letters, deploy, document, events, guard, logs, outside, probes, services as look,
    state, token_api,
};
use crate::audit::AuditLog;
use crate::discovery::Discovery;
use crate::events::Events;
use crate::services::Services;
use crate::shutdown::Tasks;
use crate::telemetry::logs::LogHub;
use crate::telemetry::metrics::Metrics;

/// What the handlers work with; cloned for every request.
#[derive(Clone)]
pub struct AdminState {
    /// Does what is asked.
    pub services: Services,
    /// Read by `/api/logs`.
    pub logs: Arc<LogHub>,
    /// Read by `/metrics`.
    pub metrics: Arc<Metrics>,
    /// Asked by the guard.
    pub tokens: Arc<Tokens>,
    /// Services that are not Wasm.
    pub discovery: Discovery,
    /// What clients of Consul ask.
    pub consul: ConsulState,
    /// The event bus.
    pub events: Events,
    /// What services keep.
    pub store: Store,
    /// Told of every change.
    pub audit: AuditLog,
    /// Where a change goes on whose client has left.
    pub tasks: Tasks,
    /// Where this API listens; the guard compares it with the host that was asked.
    pub address: SocketAddr,
    /// Bytes of one component.
    pub component_limit: usize,
    /// Ends the server and those who follow the log.
    pub stop: CancellationToken,
}

/// Serves until `state.stop`, then answers what has begun and returns.
pub async fn serve(listener: TcpListener, state: AdminState) -> io::Result<()> {
    let stop = state.stop.clone();
    let router = router(state).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// The document at `/api/openapi.json`, made from the handlers.
pub fn openapi() -> OpenApi {
    document::complete(paths().split_for_parts().1)
}

fn router(state: AdminState) -> Router {
    let guard = from_fn_with_state(state.clone(), guard::guard);
    let audit = from_fn_with_state(state.clone(), audit::audit);
    let router = paths().split_for_parts().0;
    let consul = consul::router(state.consul.clone());
    // Our own limits count what really comes and answer in our own words.
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
        .merge(consul)
        .layer(guard)
        .layer(audit)
        .layer(map_response(say_that_it_ends))
}

/// An answer to a body that was not read to its end is the last one on its connection: says so, or the
/// client would send the next request into it.
pub(super) async fn say_that_it_ends(mut response: Response) -> Response {
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn paths() -> OpenApiRouter<AdminState> {
    OpenApiRouter::with_openapi(document::frame())
        .routes(routes!(look::list))
        .routes(routes!(look::one, deploy::put_service, deploy::remove))
        .routes(routes!(look::revisions))
        .routes(routes!(look::inspect))
        .routes(routes!(look::routes))
        .routes(routes!(look::gateway))
        .routes(routes!(deploy::rollback))
        .routes(routes!(deploy::post_deployment))
        .routes(routes!(call::call))
        .routes(routes!(call::functions))
        .routes(routes!(call::list))
        .routes(routes!(components::presence))
        .routes(routes!(components::inspect))
        .routes(routes!(logs::logs))
        .routes(routes!(outside::list))
        .routes(routes!(events::publish))
        .routes(routes!(events::streams))
        .routes(routes!(events::consumers))
        .routes(routes!(events::tail))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::show, dead_letters::drop_one))
        .routes(routes!(dead_letters::replay))
        .routes(routes!(state::keys))
        .routes(routes!(state::value))
        .routes(routes!(state::export))
        .routes(routes!(state::import))
        .routes(routes!(token_api::list, token_api::create))
        .routes(routes!(token_api::revoke))
        .routes(routes!(audit::show))
        .routes(routes!(openapi_json))
        .routes(routes!(probes::healthz))
        .routes(routes!(probes::readyz))
        .routes(routes!(probes::metrics))
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "look", responses((status = 200, body = Object)))]
async fn openapi_json() -> Json<OpenApi> {
    Json(openapi())
}

async fn no_such_path() -> Problem {
    Problem::not_found("no such path; GET /api/openapi.json lists those there are")
}

async fn no_such_method() -> Problem {
    let detail = "this path does not take this method; the Allow header lists those it takes";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here.", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_missing_from_the_openapi_document() {
        let document = serde_json::to_value(openapi()).unwrap();
        let expected = [
            ("/api/services", "get"),
            ("/api/services/{name}", "get"),
            ("/api/services/{name}", "put"),
            ("/api/services/{name}", "delete"),
            ("/api/services/{name}/revisions", "get"),
            ("/api/services/{name}/rollback", "post"),
            ("/api/services/{name}/inspect", "get"),
            ("/api/services/{name}/call", "post"),
            ("/api/services/{name}/functions", "get"),
            ("/api/deployments", "post"),
            ("/api/components/{digest}", "get"),
            ("/api/inspect", "post"),
            ("/api/routes", "get"),
            ("/api/gateway", "get"),
            ("/api/logs", "get"),
            ("/api/calls", "get"),
            ("/api/outside", "get"),
            ("/api/events", "post"),
            ("/api/events/streams", "get"),
            ("/api/events/consumers", "get"),
            ("/api/events/tail", "get"),
            ("/api/events/dead-letters", "get"),
            ("/api/events/dead-letters/{number}", "get"),
            ("/api/events/dead-letters/{number}", "delete"),
            ("/api/events/dead-letters/{number}/replay", "post"),
            ("/api/state/{name}", "get"),
            ("/api/state/{name}/value", "get"),
            ("/api/state/{name}/export", "get"),
            ("/api/state/{name}/import", "post"),
            ("/api/tokens", "get"),
            ("/api/tokens", "post"),
            ("/api/tokens/{id}", "delete"),
            ("/api/audit", "get"),
            ("/api/openapi.json", "get"),
            ("/healthz", "get"),
            ("/readyz", "get"),
            ("/metrics", "get"),
        ];
        for (path, method) in expected {
            assert!(document["paths"][path][method].is_object(), "{method} {path} is not in\n{document:#}");
        }
        assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    }
}
