//! The paths of what services keep: for the admin token alone, and audited also when they only read, since it is
//! the data of people.
//!
//! An export is no snapshot: a record is as it was when it was read. Stop what writes, or take it as it is.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use holm_registry::ServiceName;
use holm_registry::store::{Effects, Key, Quota, Record, Store, StoreError};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::{Imported, Problem, StateKey, StateRecord};
use super::document::Octets;
use super::events::{host_failed, not_committed};
use super::extract::{Asked, Named};
use super::lines::lines;
use super::server::AdminState;
use super::upload;

/// Records, and bytes of their values, that are read in one go: some milliseconds.
const STEP: usize = 256;
const STEP_BYTES: usize = 1 << 20;
/// Bytes of one body of an import. The command line sends a file in such pieces.
pub(super) const IMPORT_LIMIT: usize = 8 << 20;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only this bucket.
    #[param(nullable = false)]
    bucket: Option<String>,
    /// Only keys that begin so.
    #[param(nullable = false)]
    prefix: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichOne {
    /// The bucket [default: the one without a name, which guests open as `""` or `default`].
    #[serde(default)]
    #[param(required = false)]
    bucket: String,
    /// The key.
    key: String,
}

/// The keys that a service keeps, a JSON document a line.
#[utoipa::path(
    get, path = "/api/state/{name}", tag = "state", params(("name" = String, Path, description = "Service name"), Which),
    responses((status = 200, body = StateKey, content_type = "application/x-ndjson"), (status = 403, body = Problem))
)]
pub(super) async fn keys(
    State(state): State<AdminState>,
    Named(name): Named,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    let line = |(bucket, key, record): Kept| StateKey { bucket, key, bytes: record.value.len() as u64 };
    Ok(lines(kept(state.store, &name, which).map_ok(line)))
}

/// All that a service keeps, a JSON document a line.
#[utoipa::path(
    get, path = "/api/state/{name}/export", tag = "state",
    params(("name" = String, Path, description = "Service name"), Which),
    responses((status = 200, body = StateRecord, content_type = "application/x-ndjson"), (status = 403, body = Problem))
)]
pub(super) async fn export(
    State(state): State<AdminState>,
    Named(name): Named,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    let line = |(bucket, key, record): Kept| StateRecord::new(bucket, key, &record.value);
    Ok(lines(kept(state.store, &name, which).map_ok(line)))
}

/// The value of one key, as bytes.
#[utoipa::path(
    get, path = "/api/state/{name}/value", tag = "state",
    params(("name" = String, Path, description = "Service name"), WhichOne),
    responses((status = 200, body = Octets, content_type = "application/octet-stream"),
              (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(super) async fn value(
    State(state): State<AdminState>,
    Named(name): Named,
    Asked(one): Asked<WhichOne>,
) -> Result<Response, Problem> {
    let record = state.store.get(&Key::state(&name, &one.bucket, &one.key)).map_err(|error| host_failed(&error))?;
    let none =
        || Problem::not_found(format!("{name} keeps nothing under that key; `holm state ls {name}` lists its keys"));
    let mut response = Response::new(record.ok_or_else(none)?.value.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(response)
}

/// Set keys of a service: lines as an export has them. Keys that are there are replaced, others stay. All of one body
/// happens, or nothing of it.
#[utoipa::path(
    post, path = "/api/state/{name}/import", tag = "state",
    params(("name" = String, Path, description = "Service name")),
    request_body(content = Option<String>, content_type = "application/x-ndjson"),
    responses((status = 200, body = Imported), (status = 403, body = Problem), (status = 413, body = Problem),
              (status = 422, body = Problem), (status = 507, body = Problem))
)]
pub(super) async fn import(
    State(state): State<AdminState>,
    Named(name): Named,
    request: Request,
) -> Result<Json<Imported>, Problem> {
    let body = upload::whole(request, IMPORT_LIMIT, "the import").await?;
    let writes = writes(&name, &body)?;
    let keys = writes.len() as u64;
    let effects = Effects { writes, quota: quota(&state, &name), ..Effects::default() };
    let sequence = state.store.commit(effects).await.map_err(|error| not_committed(&error))?;
    state.store.durable(sequence).await.map_err(|error| host_failed(&error))?;
    Ok(Json(Imported { keys }))
}

fn writes(name: &ServiceName, body: &Bytes) -> Result<BTreeMap<Key, Option<Bytes>>, Problem> {
    let write = |(at, line): (usize, &[u8])| {
        let what = format!("line {}", at + 1);
        let record: StateRecord = upload::json(line, &what)?;
        let not_base64 = || Problem::bad_request(format!("{what} cannot be read: its value is not base64"));
        let value = record.bytes().ok_or_else(not_base64)?;
        Ok((Key::state(name, &record.bucket, &record.key), Some(value.into())))
    };
    let lines = body.split(|byte| *byte == b'\n').enumerate();
    lines.filter(|(_, line)| !line.trim_ascii().is_empty()).map(write).collect()
}

/// What the service may keep, if it is live. One that is not yet may be given anything.
fn quota(state: &AdminState, name: &ServiceName) -> Option<Quota> {
    let table = state.services.table();
    let limits = &table.services.get(name)?.settings().limits;
    Some(Quota { keys: limits.keys.into(), bytes: limits.state.as_u64() })
}

/// Bucket, key and value.
type Kept = (String, String, Record);

/// All that a service keeps, step by step.
fn kept(
    store: Store,
    name: &ServiceName,
    which: Which,
) -> impl Stream<Item = Result<Kept, StoreError>> + Send + 'static {
    let prefix = match &which.bucket {
        Some(bucket) => Key::state(name, bucket, which.prefix.as_deref().unwrap_or_default()),
        None => Key::states(name),
    };
    let pages = stream::try_unfold(Some(None), move |after: Option<Option<Key>>| {
        let page = after.map(|after| store.records(&prefix, after.as_ref(), STEP, STEP_BYTES));
        std::future::ready(page.transpose().map(|page| page.map(|page| (page.records, page.next.map(Some)))))
    });
    let records = pages.map_ok(|records| stream::iter(records.into_iter().map(Ok))).try_flatten();
    records.try_filter_map(move |(key, record)| {
        let parts = key.state_parts().filter(|(_, _, key)| which.takes(key));
        std::future::ready(Ok(parts.map(|(_, bucket, key)| (bucket, key, record))))
    })
}

impl Which {
    fn takes(&self, key: &str) -> bool {
        self.prefix.as_deref().is_none_or(|wanted| key.starts_with(wanted))
    }
}
