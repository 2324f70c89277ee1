//! Every change that is asked for has its line in the audit log: done or refused, by whom, and
//! by strangers, too.
//!
//! The middleware stands around the guard, so that it sees whom the guard turns away. It knows
//! from the request what was asked; the guard and the handlers note what they find out.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::Problem;
use super::consul;
use super::extract::Asked;
use super::guard::shows_data;
use super::server::AdminState;
use crate::audit::{Action, Entry, Subject};
use crate::services::{Called, DeployComponent, DeploySet, Deployed, TypedCall};
use crate::telemetry::random::{random_u128, write_hex};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Entries in one answer: a page of a year of a small team.
const MOST: usize = 10_000;
/// Entries when nobody says how many.
const USUAL: usize = 100;

/// What became known of a request on its way.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    request: String,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    who: Option<String>,
    subjects: Vec<Subject>,
}

/// Why a problem was one, for the log. It travels beside the problem's response.
#[derive(Clone, Debug)]
pub(super) struct Reason(pub(super) String);

impl Notes {
    fn new() -> Self {
        Self { request: new_id(), known: Arc::default() }
    }

    /// The request's id, as in the log and in its answer.
    pub(super) fn request(&self) -> &str {
        &self.request
    }

    /// Whose token it was.
    pub(super) fn by(&self, who: String) {
        self.known().who = Some(who);
    }

    /// What is to be deployed.
    pub(super) async fn deploys(&self, set: &DeploySet) {
        let subjects = subjects(set).await;
        self.known().subjects = subjects;
    }

    /// What became live.
    pub(super) fn live(&self, deployed: &[Deployed]) {
        let mut known = self.known();
        for one in deployed {
            let name = Some(one.service.to_string());
            let found = known.subjects.iter_mut().find(|subject| subject.service == name);
            let (version, digest) = (Some(one.version.to_string()), Some(one.digest.to_string()));
            let revision = Some(one.revision);
            match found {
                Some(subject) => subject.revision = revision,
                None => known.subjects.push(Subject { service: name, version, revision, digest, ..Subject::default() }),
            }
        }
    }

    /// What is to be called.
    pub(super) fn calls(&self, call: &TypedCall) {
        let (service, function) = (call.service.to_string(), format!("{} {}", call.interface, call.function));
        let subject = Subject { service: Some(service), function: Some(function), ..Subject::default() };
        self.known().subjects = vec![subject];
    }

    /// What has answered.
    pub(super) fn called(&self, called: &Called) {
        if let Some(subject) = self.known().subjects.first_mut() {
            (subject.version, subject.revision) = (Some(called.version.to_string()), Some(called.revision));
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a deployment is about, before it has happened. Hashing components takes a while.
pub(crate) async fn subjects(set: &DeploySet) -> Vec<Subject> {
    let set = set.clone();
    tokio::task::spawn_blocking(move || subjects_now(&set)).await.unwrap_or_default()
}

fn subjects_now(set: &DeploySet) -> Vec<Subject> {
    let subject = |one: &crate::services::DeployOne| Subject {
        service: Some(one.name.to_string()),
        version: Some(one.version.to_string()),
        digest: match &one.component {
            DeployComponent::Stored(digest) => Some(digest.to_string()),
            DeployComponent::Bytes(bytes) => Some(holm_registry::Digest::of(bytes).to_string()),
        },
        signed_by: one.signature.map(|signature| signature.key.to_string()),
        ..Subject::default()
    };
    set.services.iter().map(subject).collect()
}

/// The middleware. A change goes on in a task of its own, so that it has its line also when the
/// client has left.
pub(super) async fn audit(State(state): State<AdminState>, mut request: Request, next: Next) -> Response {
    let Some((action, service)) = asked(request.method(), request.uri().path()) else {
        return next.run(request).await;
    };
    let notes = Notes::new();
    let id = notes.request().to_owned();
    request.extensions_mut().insert(notes.clone());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.to_string());
    let (log, tag) = (state.audit.clone(), id.clone());
    let answered = state.tasks.spawn("administrative change", async move {
        let response = next.run(request).await;
        let reason = refused(&response);
        let Known { who, mut subjects } = std::mem::take(&mut *notes.known());
        if subjects.is_empty() {
            subjects.push(Subject { service, ..Subject::default() });
        }
        let entry = |subject| Entry {
            peer: peer.clone(),
            ..Entry::now(who.as_deref(), &id, action, subject, reason.as_deref())
        };
        log.write(subjects.into_iter().map(entry).collect()).await;
        response
    });
    let mut response = answered.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    response.headers_mut().extend(HeaderValue::try_from(tag).ok().map(|id| (REQUEST_ID, id)));
    response
}

/// What a request would change, or which data it would show, and of which service. `None`: nothing. Registrations and the checks
/// that their owners report are traffic, not administration.
fn asked(method: &Method, path: &str) -> Option<(Action, Option<String>)> {
    let reads = shows_data(method, path);
    let only_looks = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) || path == "/api/inspect";
    if !reads && (only_looks || path.starts_with(consul::PREFIX)) {
        return None;
    }
    let mut parts = path.strip_prefix("/api/").unwrap_or_default().split('/');
    let (kind, name, then) = (parts.next(), parts.next(), parts.next());
    let service =
        name.filter(|_| matches!(kind, Some("services" | "state"))).map(|name| name.chars().take(64).collect());
    let action = match (method, kind, then) {
        _ if reads => Action::Read,
        (&Method::PUT, Some("services"), None) | (&Method::POST, Some("deployments"), None) => Action::Deploy,
        (&Method::POST, Some("services"), Some("rollback")) => Action::Rollback,
        (&Method::POST, Some("services"), Some("call")) => Action::Call,
        (&Method::DELETE, Some("services"), None) => Action::Remove,
        _ => Action::Change,
    };
    Some((action, service))
}

fn refused(response: &Response) -> Option<String> {
    let status = response.status();
    let reason = response.extensions().get::<Reason>().map(|reason| reason.0.clone());
    (!status.is_success()).then(|| reason.unwrap_or_else(|| status.to_string()))
}

fn new_id() -> String {
    let mut id = [0; 32];
    write_hex(random_u128(), &mut id);
    String::from_utf8_lossy(&id).into_owned()
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct HowMany {
    /// How many entries at most [default: 100].
    limit: Option<usize>,
}

/// The last entries of the audit log, the latest at the end.
#[utoipa::path(
    get, path = "/api/audit", tag = "look", params(HowMany),
    responses((status = 200, body = Vec<Object>), (status = 500, body = Problem))
)]
pub(super) async fn show(
    State(state): State<AdminState>,
    Asked(query): Asked<HowMany>,
) -> Result<Json<Vec<Entry>>, Problem> {
    let entries = state.audit.last(query.limit.unwrap_or(USUAL).min(MOST)).await;
    let failed = |error: std::io::Error| {
        let detail = format!("the audit log cannot be read: {error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "host", "The host failed.", detail)
    };
    entries.map(Json).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_logged_as_another_one_or_not_at_all() {
        let of = |method: Method, path: &str| asked(&method, path);
        let users = || Some("users".to_owned());
        assert_eq!(of(Method::GET, "/api/services/users"), None);
        assert_eq!(of(Method::POST, "/api/inspect"), None);
        assert_eq!(of(Method::PUT, "/api/services/users"), Some((Action::Deploy, users())));
        assert_eq!(of(Method::POST, "/api/deployments"), Some((Action::Deploy, None)));
        assert_eq!(of(Method::POST, "/api/services/users/rollback"), Some((Action::Rollback, users())));
        assert_eq!(of(Method::POST, "/api/services/users/call"), Some((Action::Call, users())));
        assert_eq!(of(Method::DELETE, "/api/services/users"), Some((Action::Remove, users())));
        assert_eq!(of(Method::GET, "/api/state/users/export"), Some((Action::Read, users())));
        assert_eq!(of(Method::GET, "/api/events/tail"), Some((Action::Read, None)));
        assert_eq!(of(Method::GET, "/api/events/dead-letters"), None);
        assert_eq!(of(Method::POST, "/api/state/users/import"), Some((Action::Change, users())));
        assert_eq!(of(Method::POST, "/anything/else"), Some((Action::Change, None)));
        assert_eq!(of(Method::PATCH, "/api/services/users"), Some((Action::Change, users())));
    }
}
