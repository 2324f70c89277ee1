//! A listener with nothing but discovery on it, as Consul's agent has on port 8500.
//!
//! Its token is optional, as it is there. Without one, whoever reaches the port may register; on
//! a loopback address that is every program of this machine, and no web page: a page could make
//! its own name point at 127.0.0.1, but a name with a dot is not let in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tokio::net::TcpListener;

use super::refusal::{Refusal, no_such_path};
use super::{ConsulState, is_open, router};
use crate::admin::guard::{asked_host, consul_token, host_is_ours, without_port};
use crate::admin::server::say_that_it_ends;
use crate::admin::tokens::{Scope, Tokens};
use holm_registry::settings::Secret;
use subtle::ConstantTimeEq;

/// Who may ask on this listener.
#[derive(Clone)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it asks for.
    pub token: Option<Secret>,
    /// Tokens of scope `discovery` are good here, too.
    pub tokens: Arc<Tokens>,
}

/// Serves until the state's stop, then answers what has begun and returns.
pub async fn serve(listener: TcpListener, access: Listener, state: ConsulState) -> io::Result<()> {
    let stop = state.stop.clone();
    let app = router(state).fallback(no_such_path).layer(from_fn_with_state(access, guard));
    let app = app.layer(map_response(say_that_it_ends));
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn guard(State(access): State<Listener>, request: Request, next: Next) -> Response {
    let host = asked_host(request.uri(), request.headers());
    let Some(token) = &access.token else {
        if is_plain_name(host) || host_is_ours(access.address, host) {
            return next.run(request).await;
        }
        let text = "this host name is not served here: use 127.0.0.1, or set a token";
        return Refusal::new(StatusCode::MISDIRECTED_REQUEST, text).into_response();
    };
    let is_right = |shown: &str| {
        let same: bool = token.reveal().as_bytes().ct_eq(shown.as_bytes()).into();
        same || access.tokens.allow(shown.as_bytes(), Scope::Discovery)
    };
    if is_open(request.uri().path()) || consul_token(&request).is_some_and(|shown| is_right(&shown)) {
        return next.run(request).await;
    }
    Refusal::forbidden("Permission denied: this listener needs its token in X-Consul-Token").into_response()
}

/// `consul:8500`: a name without a dot comes from a hosts file or a container's network, and
/// never from the name server of a web page.
fn is_plain_name(host: Option<&str>) -> bool {
    host.and_then(without_port).is_some_and(|name| !name.is_empty() && !name.contains(['.', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_page_registers_under_a_name_of_its_own() {
        assert!(is_plain_name(Some("consul:8500")) && is_plain_name(Some("localhost")));
        for evil in [Some("evil.example:8500"), Some("127.0.0.1"), Some("[::1]:8500"), Some(""), None] {
            assert!(!is_plain_name(evil), "{evil:?}");
        }
    }
}
