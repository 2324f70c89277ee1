//! What people do without a host: two processes, HTTP on loopback, JSON. A small server and a client
//! on one connection that is kept, both of plain hyper.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::process::Process;

/// So many of one article.
#[derive(Deserialize, Serialize)]
struct Item {
    sku: String,
    quantity: u32,
}

#[derive(Deserialize, Serialize)]
struct Answer {
    total: u64,
}

/// Starts this program again, as the server.
pub fn server(address: SocketAddr) -> anyhow::Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["json-server", &address.to_string()]);
    Process::start("the JSON server", &mut command)
}

/// Counts what it is sent: items at `/total`, bytes at `/weigh`.
pub async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        while connections.try_join_next().is_some() {}
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(count)));
    }
}

async fn count(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let counted = async {
        let body = body.collect().await.ok()?.to_bytes();
        let total = match head.uri.path() {
            "/total" => {
                serde_json::from_slice::<Vec<Item>>(&body).ok()?.iter().map(|item| u64::from(item.quantity)).sum()
            }
            _ => body.len() as u64,
        };
        serde_json::to_vec(&Answer { total }).ok()
    };
    let mut response = Response::new(Full::default());
    match counted.await {
        Some(json) => *response.body_mut() = json.into(),
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    Ok(response)
}

/// One connection to the server.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    _driver: JoinSet<hyper::Result<()>>,
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await?;
        let mut drivers = JoinSet::new();
        drivers.spawn(driver);
        Ok(Self { sender, address, _driver: drivers })
    }

    /// So many requests with three items as JSON, written each time.
    pub async fn total(&mut self, times: u32) -> anyhow::Result<Duration> {
        let items = [("tea-100", 1), ("cup-white", 2), ("spoon", 3)];
        let items = items.map(|(sku, quantity)| Item { sku: sku.to_owned(), quantity });
        let began = Instant::now();
        for _ in 0..times {
            self.ask("/total", serde_json::to_vec(&items)?.into(), 6).await?;
        }
        Ok(began.elapsed())
    }

    /// So many requests with 65,536 bytes.
    pub async fn weigh(&mut self, times: u32) -> anyhow::Result<Duration> {
        let bytes = Bytes::from(vec![7; 65_536]);
        let began = Instant::now();
        for _ in 0..times {
            self.ask("/weigh", bytes.clone(), 65_536).await?;
        }
        Ok(began.elapsed())
    }

    async fn ask(&mut self, path: &str, body: Bytes, expected: u64) -> anyhow::Result<()> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let body = response.into_body().collect().await?.to_bytes();
        let Answer { total } = serde_json::from_slice(&body).context("no answer in JSON")?;
        if total != expected {
            bail!("{path} gave {total}");
        }
        Ok(())
    }
}
