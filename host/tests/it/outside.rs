//! A server outside, which keeps every byte that it was sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Answers every head with the same bytes, on as many connections as are made.
pub(crate) struct Outside {
    pub(crate) port: u16,
    connections: Arc<Mutex<Vec<Connection>>>,
    _serving: JoinSet<()>,
}

/// What arrived on one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {
    pub(crate) bytes: String,
    pub(crate) ended: bool,
}

/// An answer without a body.
pub(crate) const EMPTY: &str = "HTTP/1.1 204 No Content\r\n\r\n";

impl Outside {
    pub(crate) async fn start(answer: &str) -> Self {
        Self::start_slow(answer, Duration::ZERO).await
    }

    /// One that takes its time for each answer.
    pub(crate) async fn start_slow(answer: &str, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections: Arc<Mutex<Vec<Connection>>> = Arc::default();
        let (seen, answer) = (connections.clone(), answer.to_owned());
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                let at = seen.lock().unwrap().len();
                seen.lock().unwrap().push(Connection::default());
                let (seen, answer) = (seen.clone(), answer.clone());
                open.spawn(async move {
                    let mut buffer = [0; 4096];
                    let mut answered = 0;
                    while let Ok(read @ 1..) = socket.read(&mut buffer).await {
                        let heads = {
                            let bytes = &mut seen.lock().unwrap()[at].bytes;
                            bytes.push_str(&String::from_utf8_lossy(&buffer[..read]));
                            bytes.matches("\r\n\r\n").count()
                        };
                        while answered < heads {
                            answered += 1;
                            tokio::time::sleep(delay).await;
                            let _left = socket.write_all(answer.as_bytes()).await;
                        }
                    }
                    seen.lock().unwrap()[at].ended = true;
                });
            }
        });
        Self { port, connections, _serving: serving }
    }

    /// `http://127.0.0.1:PORT` and a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// All connections so far.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.connections.lock().unwrap().clone()
    }

    /// All that arrived so far, connection by connection.
    pub(crate) fn bytes(&self) -> String {
        self.connections().into_iter().map(|connection| connection.bytes).collect()
    }
}
