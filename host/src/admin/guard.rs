//! Who may ask: checked before any handler runs, and closed by default. Only the paths in
//! [`OPEN`] are free, whatever is added to the router later.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use super::api::Problem;
use super::audit::Notes;
use super::consul::{self, Refusal};
use super::server::AdminState;
use super::tokens::{Need, Scope};

/// What monitoring asks, without a token: nothing in there is secret, nothing changes by asking.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// Whoever makes tokens could make one that may do everything.
const TOKENS: &str = "/api/tokens";
/// What services keep: the data of people.
const STATE: &str = "/api/state";
/// What they tell each other, as it happens.
const TAIL: &str = "/api/events/tail";
/// What they could not handle. The list of dead letters says where to look, and not what is in them.
const DEAD_LETTERS: &str = "/api/events/dead-letters";
/// A POST that changes nothing.
const INSPECT: &str = "/api/inspect";

/// The middleware around every path.
pub(super) async fn guard(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    match check(&state, &request) {
        Ok(who) => {
            if let (Some(who), Some(notes)) = (who, request.extensions().get::<Notes>()) {
                notes.by(who);
            }
            next.run(request).await
        }
        Err(refusal) => refusal,
    }
}

/// Who asks; nobody in particular where everybody may.
#[expect(clippy::result_large_err, reason = "the refusal is the answer, sent at once")]
fn check(state: &AdminState, request: &Request) -> Result<Option<String>, Response> {
    let host = asked_host(request.uri(), request.headers());
    if !host_is_ours(state.address, host) {
        return Err(misdirected(host, state.address).into_response());
    }
    if request.uri().path().starts_with(consul::PREFIX) {
        return check_consul(state, request).map(|()| None);
    }
    let need = need(request.method(), request.uri().path());
    match bearer(request.headers()) {
        _ if need == Need::Nothing => Ok(None),
        Some(shown) if state.tokens.satisfy(shown, need) => Ok(state.tokens.name_of(shown)),
        Some(shown) if state.tokens.scope_of(shown).is_some() => Err(out_of_scope(need).into_response()),
        shown => Err(unauthorized(state, shown.is_some())),
    }
}

/// What a request needs. Looking is `read`, whatever changes something is `deploy`, so that a path
/// that is added later is closed to more tokens rather than open to more.
fn need(method: &Method, path: &str) -> Need {
    if OPEN.contains(&path) {
        return Need::Nothing;
    }
    if is_in(path, TOKENS) || shows_data(method, path) || is_in(path, STATE) {
        return Need::Admin;
    }
    let only_looks = *method == Method::GET || *method == Method::HEAD || path == INSPECT;
    Need::Scope(if only_looks { Scope::Read } else { Scope::Deploy })
}

/// Whether a request shows what services keep or tell each other.
pub(super) fn shows_data(method: &Method, path: &str) -> bool {
    let looks = *method == Method::GET || *method == Method::HEAD;
    looks && path != DEAD_LETTERS && [STATE, TAIL, DEAD_LETTERS].into_iter().any(|data| is_in(path, data))
}

fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The failures of this API are texts, and 403 is its word for a missing or wrong token.
#[expect(clippy::result_large_err, reason = "the refusal is the answer, sent at once")]
fn check_consul(state: &AdminState, request: &Request) -> Result<(), Response> {
    let is_right = |shown: Cow<'_, str>| state.tokens.allow(shown.as_bytes(), Scope::Discovery);
    if consul::is_open(request.uri().path()) || consul_token(request).is_some_and(is_right) {
        return Ok(());
    }
    Err(Refusal::forbidden("Permission denied: send a token of scope discovery in X-Consul-Token").into_response())
}

/// The token of a client of Consul: in its own header, as a bearer, or (older clients) in the query.
pub(super) fn consul_token(request: &Request) -> Option<Cow<'_, str>> {
    let header = request.headers().get("x-consul-token").map(HeaderValue::as_bytes);
    if let Some(shown) = header.or_else(|| bearer(request.headers())) {
        return std::str::from_utf8(shown).ok().map(Cow::Borrowed);
    }
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).ok()?;
    pairs.into_iter().find(|(key, _)| key == "token").map(|(_, token)| Cow::Owned(token))
}

fn out_of_scope(need: Need) -> Problem {
    let detail = match need {
        Need::Scope(scope) => format!("This needs a token of scope `{scope}`: `holm token new --scope {scope}`."),
        Need::Admin | Need::Nothing => "This needs the admin token of the host's data directory.".to_owned(),
    };
    Problem::new(StatusCode::FORBIDDEN, "scope", "The token is not good for this.", detail)
}

fn unauthorized(state: &AdminState, wrong: bool) -> Response {
    let what = if wrong { "The token is not the one of this host" } else { "The admin API needs a token" };
    let detail = format!(
        "{what}. It lies in {} on the host's machine; send it as `Authorization: Bearer TOKEN`, or give it to holm \
         with --token, HOLM_TOKEN or --data.",
        state.tokens.admin().path().display()
    );
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "You are not known here.", detail);
    let mut response = problem.into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="holm admin""#));
    response
}

fn misdirected(host: Option<&str>, address: SocketAddr) -> Problem {
    let detail = format!(
        "The request is for the host `{}`, but this API answers on this machine only; ask http://{address}.",
        host.unwrap_or_default()
    );
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong-host", "The request is meant for another host.", detail)
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

pub(super) fn asked_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let header = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    uri.authority().map(|authority| authority.as_str()).or(header)
}

/// A page in a browser can make its own name point at 127.0.0.1 and then talk to this API as to
/// itself. Its name is in the `Host` header, so on a loopback address only loopback names pass.
/// An API bound to the network has names that we cannot know, and the token still guards it.
pub(super) fn host_is_ours(address: SocketAddr, host: Option<&str>) -> bool {
    if !address.ip().is_loopback() {
        return true;
    }
    let Some(name) = host.and_then(without_port) else { return false };
    let numeric = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    numeric.map_or_else(|_| name.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
}

pub(super) fn without_port(host: &str) -> Option<&str> {
    host.parse::<http::uri::Authority>().ok().map(|authority| {
        let length = authority.host().len();
        host.get(..length).unwrap_or(host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(bound: &str, host: Option<&str>) -> bool {
        host_is_ours(bound.parse().unwrap(), host)
    }

    #[test]
    fn a_web_page_reaches_the_admin_api_under_its_own_name() {
        for evil in [Some("evil.example"), Some("127.0.0.1.evil.example:7070"), Some("localhost.evil:7070"), None] {
            assert!(!ours("127.0.0.1:7070", evil), "{evil:?}");
        }
    }

    #[test]
    fn a_local_name_is_refused() {
        for host in ["localhost:7070", "LOCALHOST", "127.0.0.1:7070", "127.0.0.2", "[::1]:7070", "[::1]"] {
            assert!(ours("127.0.0.1:7070", Some(host)), "{host}");
        }
    }

    #[test]
    fn an_api_on_the_network_refuses_its_own_name() {
        assert!(ours("0.0.0.0:7070", Some("holm.internal:7070")));
    }

    #[test]
    fn a_token_to_look_with_changes_something() {
        let of = |method: &str, path: &str| need(&method.parse().unwrap(), path);
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(of("GET", path), Need::Nothing);
        }
        for (method, path) in [("GET", "/api/services"), ("HEAD", "/api/components/x"), ("POST", "/api/inspect")] {
            assert_eq!(of(method, path), Need::Scope(Scope::Read), "{method} {path}");
        }
        for (method, path) in [("POST", "/api/deployments"), ("DELETE", "/api/services/a"), ("PUT", "/later")] {
            assert_eq!(of(method, path), Need::Scope(Scope::Deploy), "{method} {path}");
        }
        for (method, path) in [("GET", "/api/tokens"), ("POST", "/api/tokens"), ("DELETE", "/api/tokens/1")] {
            assert_eq!(of(method, path), Need::Admin, "{method} {path}");
        }
    }

    #[test]
    fn a_token_to_look_with_shows_the_data_of_people() {
        let of = |method: &str, path: &str| need(&method.parse().unwrap(), path);
        for path in ["/api/state/users", "/api/state/users/export", "/api/events/tail", "/api/events/dead-letters/1-0"]
        {
            assert_eq!(of("GET", path), Need::Admin, "{path}");
            assert!(shows_data(&Method::GET, path), "{path}");
        }
        assert_eq!(of("POST", "/api/state/users/import"), Need::Admin);
        for path in ["/api/events/dead-letters", "/api/events/streams", "/api/states", "/api/events/tailor"] {
            assert_eq!(of("GET", path), Need::Scope(Scope::Read), "{path}");
            assert!(!shows_data(&Method::GET, path), "{path}");
        }
        for (method, path) in [("POST", "/api/events/dead-letters/1-0/replay"), ("POST", "/api/events")] {
            assert_eq!(of(method, path), Need::Scope(Scope::Deploy), "{path}");
        }
    }

    #[test]
    fn the_word_bearer_must_be_written_in_one_way() {
        let mut headers = HeaderMap::new();
        for value in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            assert_eq!(bearer(&headers), Some(&b"abc"[..]), "{value}");
        }
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic abc"));
        assert_eq!(bearer(&headers), None);
    }
}
