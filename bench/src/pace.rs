//! Requests at a fixed rate, whatever becomes of them.
//!
//! The latency of a request counts from when it was due, not from when it could be sent: an
//! answer that is late makes the next ones late, and they say so.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Connections that take turns: each waits for its answer before it asks again, so this many
/// answers may be late at once.
const CONNECTIONS: u32 = 32;

/// Which request is sent, and how often.
#[derive(Clone)]
pub struct Pace {
    /// To whom.
    pub address: SocketAddr,
    /// What for.
    pub path: String,
    /// What is posted; nothing for a GET.
    pub post: Option<Bytes>,
    /// Requests a second, over all connections.
    pub per_second: u32,
    /// For how long.
    pub lasts: Duration,
}

impl Pace {
    /// Gets a path, as often as a second, for so long.
    pub fn get(address: SocketAddr, path: &str, per_second: u32, lasts: Duration) -> Self {
        Self { address, path: path.to_owned(), post: None, per_second, lasts }
    }
}

/// What came back.
#[derive(Default)]
pub struct Kept {
    /// Answers with a status of 2xx.
    pub good: u64,
    /// Everything else.
    pub bad: u64,
    /// Answers by their status.
    pub statuses: BTreeMap<u16, u64>,
    /// From when a request was due to the end of its answer.
    latencies: Vec<Duration>,
}

impl Kept {
    /// The latency that `share` of the answers kept to; of 1 it is the longest.
    pub fn percentile(&mut self, share: f64) -> Duration {
        self.latencies.sort_unstable();
        let at = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// The share of good answers.
    pub fn success(&self) -> f64 {
        self.good as f64 / (self.good + self.bad).max(1) as f64
    }
}

/// Keeps the pace.
pub async fn keep(pace: Pace) -> anyhow::Result<Kept> {
    let begun = Instant::now() + Duration::from_millis(50);
    let mut workers = JoinSet::new();
    for number in 0..CONNECTIONS {
        workers.spawn(work(pace.clone(), begun, number));
    }
    let mut all = Kept::default();
    while let Some(kept) = workers.join_next().await {
        let kept = kept.context("a worker panicked")?;
        all.good += kept.good;
        all.bad += kept.bad;
        all.latencies.extend(kept.latencies);
        for (status, count) in kept.statuses {
            *all.statuses.entry(status).or_default() += count;
        }
    }
    Ok(all)
}

/// One client that asks again as soon as it has its answer: how many were good, and how many not.
pub async fn as_fast_as_possible(address: SocketAddr, path: String, lasts: Duration) -> anyhow::Result<(u64, u64)> {
    let pace = Pace::get(address, &path, 0, lasts);
    let (mut good, mut bad, mut connection) = (0, 0, None);
    let until = Instant::now() + lasts;
    while Instant::now() < until {
        match ask(&pace, &mut connection).await?.is_success() {
            true => good += 1,
            false => bad += 1,
        }
    }
    Ok((good, bad))
}

/// One client that asks so often, each time as soon as it has its answer.
///
/// # Errors
/// At the first answer that is not good.
pub async fn ask_often(address: SocketAddr, path: String, times: u32) -> anyhow::Result<()> {
    let pace = Pace::get(address, &path, 0, Duration::ZERO);
    let mut connection = None;
    for _ in 0..times {
        let status = ask(&pace, &mut connection).await?;
        anyhow::ensure!(status.is_success(), "{} was answered with {status}", pace.path);
    }
    Ok(())
}

/// Every `CONNECTIONS`th request.
async fn work(pace: Pace, begun: Instant, number: u32) -> Kept {
    let mut kept = Kept::default();
    let mut connection = None;
    let step = Duration::from_secs(1) * CONNECTIONS / pace.per_second;
    let mut due = begun + Duration::from_secs(1) * number / pace.per_second;
    while due < begun + pace.lasts {
        tokio::time::sleep_until(due.into()).await;
        match ask(&pace, &mut connection).await {
            Ok(status) => {
                kept.latencies.push(due.elapsed());
                *kept.statuses.entry(status.as_u16()).or_default() += 1;
                *if status.is_success() { &mut kept.good } else { &mut kept.bad } += 1;
            }
            Err(_) => {
                kept.bad += 1;
                connection = None;
            }
        }
        due += step;
    }
    kept
}

/// One request, on the connection that is there or on a new one.
async fn ask(pace: &Pace, connection: &mut Option<SendRequest<Full<Bytes>>>) -> anyhow::Result<StatusCode> {
    let sender = match connection {
        Some(sender) if !sender.is_closed() => sender,
        _ => connection.insert(connect(pace.address).await?),
    };
    let request = Request::builder()
        .method(if pace.post.is_some() { Method::POST } else { Method::GET })
        .uri(&pace.path)
        .header(header::HOST, pace.address.to_string())
        .body(Full::new(pace.post.clone().unwrap_or_default()))?;
    let response = tokio::time::timeout(Duration::from_secs(10), sender.send_request(request)).await??;
    let status = response.status();
    response.into_body().collect().await?;
    Ok(status)
}

async fn connect(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, driver) = handshake(TokioIo::new(stream)).await?;
    #[expect(clippy::disallowed_methods, reason = "it ends with its connection, which ends with the worker")]
    tokio::spawn(driver);
    Ok(sender)
}
