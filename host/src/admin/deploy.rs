//! The paths that make something live: deploy, roll back, remove.

use std::collections::HashMap;

use axum::extract::{Multipart, Request, State};
use axum::{Extension, Json};
use bytes::Bytes;
use holm_registry::Digest;
use holm_registry::discovery::external::External;
use holm_registry::settings::{Isolation, Settings};
use holm_registry::signature::SignatureError;
use http::StatusCode;
use semver::Version;
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::{Deployed, Plan, PlannedService, Problem, Rollback};
use super::audit::Notes;
use super::document::{ComponentForm, DeploymentForm, Wasm};
use super::extract::{Asked, Named};
use super::server::AdminState;
use super::upload::{self, JSON_LIMIT, Upload};
use crate::config::DEPLOYMENT_LIMIT;
use crate::services::{self, AppSet, DeployComponent, DeployOne, DeploySet, DeploySettings};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichVersion {
    /// Semantic version of the component.
    version: String,
    /// Who vouches for it: `ed25519:KEY:SIGNATURE`, as `holm keys sign` writes it.
    signature: Option<String>,
    /// Also when it takes from a live service what that calls.
    #[serde(default)]
    force: bool,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Insists {
    /// Also when live services call it.
    #[serde(default)]
    force: bool,
}

/// Deploy one component: the body is the Wasm, or a multipart form with the parts `component`
/// and `settings` (JSON). Without settings the service keeps those that it has. A service that no rule leads to gets
/// `/NAME/{*rest}`.
#[utoipa::path(
    put, path = "/api/services/{name}", tag = "deploy",
    params(("name" = String, Path, description = "Service name"), WhichVersion),
    request_body(content((Wasm = "application/wasm"), (ComponentForm = "multipart/form-data"))),
    responses((status = 200, body = Deployed), (status = 409, body = Problem), (status = 413, body = Problem),
              (status = 422, body = Problem), (status = 507, body = Problem))
)]
pub(super) async fn put_service(
    State(state): State<AdminState>,
    Extension(notes): Extension<Notes>,
    Named(name): Named,
    Asked(query): Asked<WhichVersion>,
    request: Request,
) -> Result<Json<Deployed>, Problem> {
    let version = parse_version(&query.version)?;
    let signature = query.signature.map(|text| text.parse()).transpose().map_err(not_a_signature)?;
    let (component, settings) = match upload::open(request, state.component_limit).await? {
        Upload::Whole(component) => (component, None),
        Upload::Parts(parts) => component_and_settings(parts, state.component_limit).await?,
    };
    let (component, settings) = (DeployComponent::Bytes(component), deploy_settings(settings, None));
    let one = DeployOne { name, version, component, settings, signature };
    let deployed = deploy(&state, &notes, DeploySet { services: vec![one], app: None, force: query.force }).await?;
    let first = deployed.into_iter().next();
    first.map(|deployed| Json(deployed.into())).ok_or_else(|| nothing_came_back("deployment"))
}

/// Deploy a whole app as one set: part `plan` (JSON), then one part for each component that the
/// host does not have yet, named by its digest.
#[utoipa::path(
    post, path = "/api/deployments", tag = "deploy",
    request_body(content = DeploymentForm, content_type = "multipart/form-data"),
    responses((status = 200, body = Vec<Deployed>), (status = 409, body = Problem), (status = 413, body = Problem),
              (status = 422, body = Problem), (status = 507, body = Problem))
)]
pub(super) async fn post_deployment(
    State(state): State<AdminState>,
    Extension(notes): Extension<Notes>,
    request: Request,
) -> Result<Json<Vec<Deployed>>, Problem> {
    let parts = upload::form(request).await?;
    let (plan, components) = plan_and_components(parts, state.component_limit).await?;
    let set = deploy_set(plan, components, |digest| state.services.has_component(digest))?;
    let deployed = deploy(&state, &notes, set).await?;
    Ok(Json(deployed.into_iter().map(Deployed::from).collect()))
}

/// Make a kept revision live again: `{"to": N}`, or the one before without a body.
#[utoipa::path(
    post, path = "/api/services/{name}/rollback", tag = "deploy",
    params(("name" = String, Path, description = "Service name")), request_body = Option<Rollback>,
    responses((status = 200, body = Deployed), (status = 404, body = Problem), (status = 409, body = Problem),
              (status = 422, body = Problem))
)]
pub(super) async fn rollback(
    State(state): State<AdminState>,
    Extension(notes): Extension<Notes>,
    Named(name): Named,
    request: Request,
) -> Result<Json<Deployed>, Problem> {
    let body = upload::whole(request, JSON_LIMIT, "the request").await?;
    let Rollback { to } = if body.is_empty() { Rollback::default() } else { upload::json(&body, "the request")? };
    let deployed = state.services.rollback(&name, to).await?;
    notes.live(std::slice::from_ref(&deployed));
    Ok(Json(deployed.into()))
}

/// Take a service away: its revisions and its rules. Its data stays, for a service of that name.
#[utoipa::path(
    delete, path = "/api/services/{name}", tag = "deploy",
    params(("name" = String, Path, description = "Service name"), Insists),
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem))
)]
pub(super) async fn remove(
    State(state): State<AdminState>,
    Named(name): Named,
    Asked(query): Asked<Insists>,
) -> Result<StatusCode, Problem> {
    state.services.remove(&name, query.force).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn deploy(state: &AdminState, notes: &Notes, set: DeploySet) -> Result<Vec<services::Deployed>, Problem> {
    notes.deploys(&set).await;
    let deployed = state.services.deploy(set).await?;
    notes.live(&deployed);
    Ok(deployed)
}

async fn component_and_settings(mut parts: Multipart, limit: usize) -> Result<(Bytes, Option<Settings>), Problem> {
    let (mut component, mut settings) = (None, None);
    while let Some(field) = parts.next_field().await.map_err(broken_form)? {
        match field.name().unwrap_or_default() {
            "component" => component = Some(upload::part(field, limit, "the component").await?),
            "settings" => {
                let bytes = upload::part(field, JSON_LIMIT, "settings").await?;
                settings = Some(upload::json(&bytes, "the part `settings`")?);
            }
            other => return Err(Problem::bad_request(format!("unknown part `{other}`; use `component`, `settings`"))),
        }
    }
    let component = component.ok_or_else(|| Problem::bad_request("the part `component` is missing"))?;
    Ok((component, settings))
}

async fn plan_and_components(mut parts: Multipart, limit: usize) -> Result<(Plan, HashMap<Digest, Bytes>), Problem> {
    let (mut plan, mut components, mut total) = (None, HashMap::new(), 0);
    while let Some(field) = parts.next_field().await.map_err(broken_form)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "plan" {
            plan = Some(upload::json(&upload::part(field, JSON_LIMIT, "the plan").await?, "the part `plan`")?);
            continue;
        }
        let digest = part_digest(&name)?;
        let bytes = upload::part(field, limit.min(DEPLOYMENT_LIMIT - total), "the component").await?;
        if Digest::of(&bytes) != digest {
            return Err(Problem::bad_request(format!("the part `{name}` holds something else; send it again")));
        }
        total += bytes.len();
        components.insert(digest, bytes);
    }
    let plan = plan.ok_or_else(|| Problem::bad_request("the part `plan` is missing"))?;
    Ok((plan, components))
}

/// Joins the plan with what came along; `stored` tells what the host has already.
fn deploy_set(
    plan: Plan,
    components: HashMap<Digest, Bytes>,
    stored: impl Fn(&Digest) -> bool,
) -> Result<DeploySet, Problem> {
    let join = |planned: PlannedService| {
        let PlannedService { name, version, digest, settings, isolation, signature } = planned;
        let settings = deploy_settings(settings, isolation);
        let component = match components.get(&digest) {
            Some(bytes) => DeployComponent::Bytes(bytes.clone()),
            None if stored(&digest) => DeployComponent::Stored(digest),
            None => {
                let detail = format!("the component {digest} of {name} is neither in this request nor on this host");
                return Err(Problem::bad_request(detail));
            }
        };
        Ok(DeployOne { name, version, component, settings, signature })
    };
    let services = plan.services.into_iter().map(join).collect::<Result<_, _>>()?;
    let Plan { app, routes, externals, gateway, force, .. } = plan;
    check_externals(&externals)?;
    Ok(DeploySet { services, app: app.map(|name| AppSet { name, routes, externals, gateway }), force })
}

fn deploy_settings(settings: Option<Settings>, isolation: Option<Isolation>) -> DeploySettings {
    match settings {
        Some(given) => {
            let isolation = isolation.or(given.isolation);
            DeploySettings::Given(Box::new(Settings { isolation, ..given }))
        }
        None => DeploySettings::Kept { isolation },
    }
}

fn check_externals(externals: &[External]) -> Result<(), Problem> {
    let mut problems =
        externals.iter().flat_map(|external| external.problems().into_iter().map(move |it| (external, it)));
    match problems.next() {
        Some((external, (_, message, help))) => {
            Err(Problem::bad_request(format!("the external `{}`: {message}; {help}", external.name)))
        }
        None => Ok(()),
    }
}

fn parse_version(text: &str) -> Result<Version, Problem> {
    text.parse().map_err(|error| {
        Problem::bad_request(format!("`{text}` is no version: {error}; write MAJOR.MINOR.PATCH, such as 1.4.0"))
    })
}

fn not_a_signature(error: SignatureError) -> Problem {
    Problem::bad_request(error.to_string())
}

fn part_digest(name: &str) -> Result<Digest, Problem> {
    name.parse().map_err(|error| {
        Problem::bad_request(format!("unknown part `{name}`; use `plan` or a component's digest ({error})"))
    })
}

fn broken_form(error: axum::extract::multipart::MultipartError) -> Problem {
    Problem::bad_request(format!("the multipart form cannot be read: {}", error.body_text()))
}

fn nothing_came_back(what: &str) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "host", "The host failed.", format!("the {what} has no result"))
}

#[cfg(test)]
mod tests {
    use holm_registry::gateway::GatewaySettings;

    use super::*;

    fn plan(digest: Digest) -> Plan {
        let service = PlannedService {
            name: "users".parse().unwrap(),
            version: Version::new(1, 0, 0),
            digest,
            settings: None,
            isolation: None,
            signature: None,
        };
        Plan {
            app: Some("shop".to_owned()),
            services: vec![service],
            routes: Vec::new(),
            externals: Vec::new(),
            gateway: GatewaySettings::default(),
            force: false,
        }
    }

    #[test]
    fn a_component_is_uploaded_again_though_the_host_has_it() {
        let set = deploy_set(plan(Digest::of(b"users")), HashMap::new(), |_| true).unwrap();
        assert!(matches!(set.services[0].component, DeployComponent::Stored(_)));
        assert_eq!(set.app.unwrap().name, "shop");
    }

    #[test]
    fn a_forgotten_component_is_found_out_after_the_swap() {
        let problem = deploy_set(plan(Digest::of(b"users")), HashMap::new(), |_| false).unwrap_err();
        assert_eq!(problem.status, 400);
        assert!(problem.detail.contains("of users"), "{}", problem.detail);
    }

    #[test]
    fn a_wrong_version_is_refused_without_an_example() {
        let problem = parse_version("1.0").unwrap_err();
        assert_eq!(problem.status, 400);
        assert!(problem.detail.contains("such as 1.4.0"), "{}", problem.detail);
    }
}
