//! A swap loses nothing, and neither does the end of the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::process::{Host, component, fixture, signal};

const CONNECTIONS: usize = 32;
const SWAPS: usize = 20;
/// Answers on each side of every swap.
const BETWEEN_SWAPS: u64 = 1_000;
const REQUESTS: u64 = 100_000;
/// No test waits longer for a count to be reached.
const PATIENCE: Duration = Duration::from_secs(300);

/// What all connections have seen.
#[derive(Default)]
struct Seen {
    old: AtomicU64,
    new: AtomicU64,
    draining: AtomicBool,
}

impl Seen {
    fn all(&self) -> u64 {
        self.old.load(Ordering::Relaxed) + self.new.load(Ordering::Relaxed)
    }

    async fn wait_for(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !reached(self) {
            assert!(began.elapsed() < PATIENCE, "{what}: only {} answers", self.all());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Asks on one keep-alive connection until the host says that it closes it.
///
/// Every answer must be whole, 200, and from one of the two versions. A connection that ends
/// in any other way is an error.
async fn ask(address: String, seen: Arc<Seen>) -> Result<(), String> {
    let stream = TcpStream::connect(&address).await.map_err(|error| format!("connect: {error}"))?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // ends with this function
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    loop {
        match one(&mut sender, &address, &seen).await {
            Ok(false) => {}
            Ok(true) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// One request; `true`: the answer says that the connection closes.
async fn one(sender: &mut SendRequest<Empty<Bytes>>, address: &str, seen: &Seen) -> Result<bool, String> {
    let request = Request::get("/users/version").header(header::HOST, address).body(Empty::new()).unwrap();
    let response = sender.send_request(request).await.map_err(|error| format!("send: {error:?}"))?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| format!("body: {error:?}"))?.to_bytes();
    if head.status != 200 {
        return Err(format!("{}: {}", head.status, String::from_utf8_lossy(&body)));
    }
    match head.headers.get("x-service-version").map(http::HeaderValue::as_bytes) {
        Some(b"1.0.0") => seen.old.fetch_add(1, Ordering::Relaxed),
        Some(b"1.1.0") => seen.new.fetch_add(1, Ordering::Relaxed),
        other => return Err(format!("an answer of no version: {other:?}")),
    };
    let closes = head.headers.get(header::CONNECTION).is_some_and(|value| value == "close");
    if closes && !seen.draining.load(Ordering::Acquire) {
        return Err("a connection was closed in normal operation".into());
    }
    Ok(closes)
}

async fn deploy(host: &Arc<Host>, service: &'static str, version: String, file: std::path::PathBuf) {
    let host = Arc::clone(host);
    let deploy = move || host.deploy(service, &version, &file, &["--isolation", "reuse"]);
    tokio::task::spawn_blocking(deploy).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_or_the_end_of_the_host_loses_requests() {
    let host = Arc::new(Host::start());
    deploy(&host, "users", "1.0.0".into(), component("users")).await;
    deploy(&host, "stream", "1.0.0".into(), fixture("stream")).await;
    let seen = Arc::new(Seen::default());
    let mut load = JoinSet::new();
    for _ in 0..CONNECTIONS {
        load.spawn(ask(host.gateway.clone(), Arc::clone(&seen)));
    }

    let client = Client::new(&host.gateway);
    let mut streaming = JoinSet::new();
    streaming.spawn(async move { client.get("/stream/?ms=5000").await });
    for swap in 0..SWAPS {
        let to_new = swap % 2 == 0;
        let before = seen.all();
        seen.wait_for("before a swap", |seen| seen.all() >= before + BETWEEN_SWAPS).await;
        let (version, file) = if to_new { ("1.1.0", "users_next") } else { ("1.0.0", "users") };
        deploy(&host, "users", version.into(), component(file)).await;
        if swap == 0 {
            deploy(&host, "stream", "1.1.0".into(), fixture("stream")).await;
        }
        let side =
            |seen: &Seen| if to_new { seen.new.load(Ordering::Relaxed) } else { seen.old.load(Ordering::Relaxed) };
        let before = side(&seen);
        seen.wait_for("after a swap", |seen| side(seen) >= before + BETWEEN_SWAPS).await;
        if let Some(Ok(Err(error))) = load.try_join_next() {
            panic!("swap {swap}: {error}");
        }
    }
    let streamed = streaming.join_next().await.unwrap().unwrap();
    assert_eq!(streamed.status, 200);
    assert!(streamed.body.trim_end().ends_with("end"), "the streaming answer was cut off: {}", streamed.body);
    seen.wait_for("the whole load", |seen| seen.all() >= REQUESTS).await;

    seen.draining.store(true, Ordering::Release);
    let at_the_signal = seen.all();
    signal(host.pid(), "TERM");
    while let Some(ended) = load.join_next().await {
        ended.unwrap().unwrap();
    }
    println!("{} requests on {CONNECTIONS} connections, {SWAPS} swaps, {at_the_signal} before SIGTERM", seen.all());
    assert!(seen.all() >= at_the_signal, "no answer after the signal");
    let Ok(host) = Arc::try_unwrap(host) else { panic!("the host is still shared") };
    assert!(host.wait().success(), "the host did not end in an orderly way");
}
