//! Services that are not Wasm: registered, asked how they are, found and left out.

mod checks;
mod clients;
mod consul;
mod external;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{Answer, Client};
use crate::door::PATIENCE;
use crate::process::Host;

/// A host with discovery on a listener of its own, and a client of that.
fn start(arguments: &[&str]) -> (Host, Consul) {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start_in(dir, &[&["--discovery", "127.0.0.1:0"][..], arguments].concat());
    let consul = Consul::of(&host);
    (host, consul)
}

/// What a client of Consul asks, without one.
#[derive(Clone)]
struct Consul {
    http: Client,
}

impl Consul {
    fn of(host: &Host) -> Self {
        Self { http: Client::new(host.discovery.as_ref().expect("discovery listens")) }
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.http.send(Method::PUT, &format!("/v1{path}"), &body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.http.get(&format!("/v1{path}")).await
    }

    async fn register(&self, registration: Value) {
        let answer = self.put("/agent/service/register", &registration).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""), "{registration}");
    }

    /// The ids of the instances that pass.
    async fn passing(&self, name: &str) -> Vec<String> {
        let answer = self.get(&format!("/health/service/{name}?passing")).await;
        ids(&answer.json())
    }

    /// Polls until these instances pass, and no others.
    async fn until_passing(&self, name: &str, expected: &[&str]) {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.passing(name).await;
            if found == expected {
                return;
            }
            assert!(Instant::now() < end, "{name}: {found:?} pass, not {expected:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The one check of an instance.
    async fn check(&self, id: &str) -> Value {
        self.get("/agent/checks").await.json()[format!("service:{id}")].clone()
    }
}

fn ids(entries: &Value) -> Vec<String> {
    let id = |entry: &Value| entry["Service"]["ID"].as_str().unwrap().to_owned();
    entries.as_array().unwrap().iter().map(id).collect()
}

fn index(answer: &Answer) -> u64 {
    answer.headers["x-consul-index"].to_str().unwrap().parse().unwrap()
}

/// An outside service: answers every request with one status, and counts them.
struct Outside {
    port: u16,
    status: Arc<AtomicU16>,
    hits: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Outside {
    async fn start() -> Self {
        Self::answering("content-length: 4\r\n\r\nwell").await
    }

    /// With the rest of the answer behind its status line.
    async fn answering(rest: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (status, hits) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
        let (now, count) = (Arc::clone(&status), Arc::clone(&hits));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 1024];
                let _asked = socket.read(&mut head).await;
                let answer = format!("HTTP/1.1 {} X\r\nconnection: close\r\n{rest}", now.load(Ordering::SeqCst));
                let _gone = socket.write_all(answer.as_bytes()).await;
            }
        });
        Self { port, status, hits, _serving: serving }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A registration of it, with an HTTP check.
    fn registration(&self, name: &str, id: &str) -> Value {
        let check = json!({ "HTTP": format!("{}/health", self.url()), "Interval": "1s", "Timeout": "5s" });
        json!({ "Name": name, "ID": id, "Address": "127.0.0.1", "Port": self.port, "Check": check })
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}
