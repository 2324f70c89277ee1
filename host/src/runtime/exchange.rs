//! Hands a request to the guest's HTTP export, and its answer's head to whoever waits for it.

use std::fmt::Debug;
use std::future::poll_fn;
use std::sync::Arc;

use http::{Request, Response};
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{WasiBody, WasiHttpView, p2, p3};

use super::answer::Progress;
use super::guest::Guest;
use super::intake::IntakeBody;
use super::invocation::Invocation;
use super::pool::Instance;
use super::start::HttpEntrance;
use crate::body::Body;

type GuestStore = wasmtime::Store<Guest>;

/// The head of an answer with the body that follows, or the error that a guest answered with.
pub type GuestAnswer = Result<Response<WasiBody>, String>;

/// Runs the guest, which has begun the invocation. `on_head` is told as soon as the head is there, and says whether somebody wants the body.
pub async fn call(
    instance: &mut Instance,
    invocation: &Arc<Invocation>,
    request: Request<Body>,
    on_head: impl FnOnce(GuestAnswer) -> bool + Send + Sync + 'static,
    progress: Arc<Progress>,
) -> wasmtime::Result<()> {
    let Instance { store, http, .. } = instance;
    let limit = store.data().island().settings.limits.request_body.as_u64();
    let request = request.map(|body| IntakeBody::new(body, invocation.clone(), limit));
    match http {
        Some(HttpEntrance::P2(proxy)) => call_p2(store, proxy, request, on_head).await,
        Some(HttpEntrance::P3(service)) => call_p3(store, service, request, on_head, progress).await,
        None => Err(wasmtime::Error::msg("the component has no HTTP handler")),
    }
}

async fn call_p2(
    store: &mut GuestStore,
    proxy: &p2::bindings::Proxy,
    request: Request<IntakeBody>,
    on_head: impl FnOnce(GuestAnswer) -> bool + Send + Sync + 'static,
) -> wasmtime::Result<()> {
    let mut view = store.data_mut().http();
    let request = view.new_incoming_request(Scheme::Http, request)?;
    let outparam = view.new_response_outparam_from_callback(move |answer| {
        on_head(answer.map_err(|code| refused(&code)));
    })?;
    proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, outparam).await
}

/// What became of a request's body on its way into the guest.
pub trait Transmitted: Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send + 'static {}

impl<F: Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send + 'static> Transmitted for F {}

/// Calls a 0.3 handler: its answer, or the error that it gave instead.
///
/// # Errors
/// When the guest does not return.
pub async fn answer_p3(
    accessor: &Accessor<Guest>,
    service: &p3::bindings::Service,
    request: p3::Request,
    transmitted: impl Transmitted,
) -> wasmtime::Result<GuestAnswer> {
    let request = accessor.with(|mut access| access.data_mut().http().table.push(request))?;
    match service.wasi_http_handler().call_handle(accessor, request).await? {
        Ok(response) => accessor.with(|mut access| {
            let response = access.data_mut().http().table.delete(response)?;
            Ok(Ok(response.into_http_with_getter(&mut access, transmitted, Guest::http)?))
        }),
        Err(code) => Ok(Err(refused(&code))),
    }
}

fn refused(code: &impl Debug) -> String {
    format!("the guest answered with the error {code:?}")
}

async fn call_p3(
    store: &mut GuestStore,
    service: &p3::bindings::Service,
    request: Request<IntakeBody>,
    on_head: impl FnOnce(GuestAnswer) -> bool + Send + Sync + 'static,
    progress: Arc<Progress>,
) -> wasmtime::Result<()> {
    let (request, transmitted) = p3::Request::from_http(store.data_mut().http().hooks, request);
    store
        .run_concurrent(async |accessor| {
            let answer = answer_p3(accessor, service, request, transmitted).await?;
            let answered = answer.is_ok();
            if on_head(answer) && answered {
                // the body flows through this store: stay until it is sent and the guest is done
                progress.ended().await;
                poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
            }
            wasmtime::Result::Ok(())
        })
        .await?
}
