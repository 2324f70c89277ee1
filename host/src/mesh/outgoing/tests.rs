//! The way out against servers on loopback, with names that lead where the test says.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Lookup, OutgoingHttp};
use crate::body::{self, Body};
use crate::runtime::{Lineage, OutboundError, Terms};
use crate::telemetry::trace::TraceContext;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server that gives the same bytes to every read and then waits.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Server {
    async fn start(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                open.spawn(async move {
                    let mut buffer = [0; 4096];
                    while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                        if socket.write_all(&answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, connections, _serving: serving }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Every name is at 127.0.0.1; counts how often it is asked.
fn rebinding() -> (Lookup, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let lookup: Lookup = Arc::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(vec![LOOPBACK])))
    });
    (lookup, asked)
}

fn terms(service: &str, named: &[IpAddr]) -> Terms {
    Terms {
        lineage: Lineage::default(),
        request_id: "test".into(),
        correlation: None,
        trace: TraceContext::generate(),
        service: service.parse().unwrap(),
        deadline: Instant::now() + Duration::from_secs(5),
        pause: Duration::from_millis(100),
        body_limit: 1000,
        named: named.to_vec(),
    }
}

async fn get(outside: &OutgoingHttp, url: &str, terms: Terms) -> Result<Response<Body>, OutboundError> {
    outside.http(Request::get(url).body(body::empty()).unwrap(), terms).await
}

/// The error in the body of an answer.
async fn broken(answer: &str) -> OutboundError {
    let server = Server::start(answer).await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let response = get(&OutgoingHttp::new(rebinding().0), &url, terms("a", &[LOOPBACK])).await.unwrap();
    *response.into_body().collect().await.unwrap_err().downcast().unwrap()
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_name_that_leads_inside_is_connected_to() {
    let server = Server::start(OK).await;
    let (lookup, asked) = rebinding();
    let outside = OutgoingHttp::new(lookup);
    let url = format!("http://evil.test:{}/", server.port);
    let error = get(&outside, &url, terms("a", &[])).await.unwrap_err();
    assert!(matches!(error, OutboundError::Prohibited { .. }), "{error}");
    assert_eq!((server.connections(), asked.load(Ordering::SeqCst)), (0, 1));
    for url in [format!("http://127.0.0.1:{}/", server.port), format!("http://localhost:{}/", server.port)] {
        let error = get(&outside, &url, terms("a", &[])).await.unwrap_err();
        assert!(matches!(error, OutboundError::Prohibited { .. }), "{url}: {error}");
    }
    let other = [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))];
    assert!(get(&outside, &url, terms("a", &other)).await.is_err());
    assert_eq!(server.connections(), 0);
    assert_eq!(get(&outside, &url, terms("a", &[LOOPBACK])).await.unwrap().status(), 200);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_request_goes_on_where_another_service_has_begun() {
    let server = Server::start(OK).await;
    let (lookup, asked) = rebinding();
    let outside = OutgoingHttp::new(lookup);
    let url = format!("http://db.test:{}/", server.port);
    let whole = async |terms: Terms| get(&outside, &url, terms).await.unwrap().into_body().collect().await.unwrap();
    // a connection is back in its lane a moment after its answer was read
    let mut opened = 0;
    while server.connections() != opened {
        opened = server.connections();
        whole(terms("a", &[LOOPBACK])).await;
    }
    assert!(get(&outside, &url, terms("a", &[])).await.is_err(), "by a pooled connection past the grants");
    assert!(get(&outside, &url, terms("b", &[])).await.is_err());
    assert_eq!(server.connections(), opened);
    whole(terms("b", &[LOOPBACK])).await;
    assert_eq!(server.connections(), opened + 1);
    assert_eq!(asked.load(Ordering::SeqCst), opened + 3, "asked once for each connection");
}

#[tokio::test]
async fn a_redirect_is_followed() {
    let server = Server::start("HTTP/1.1 302 Found\r\nlocation: /secret\r\ncontent-length: 0\r\n\r\n").await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let response = get(&OutgoingHttp::new(rebinding().0), &url, terms("a", &[LOOPBACK])).await.unwrap();
    assert_eq!((response.status().as_u16(), server.connections()), (302, 1));
    assert_eq!(response.headers()["location"], "/secret");
}

#[tokio::test]
async fn an_answer_lasts_for_ever_or_fills_the_host() {
    let long = format!("HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n{}", "x".repeat(2000));
    assert!(matches!(broken(&long).await, OutboundError::TooLarge(1000)));
    let paused = broken("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    assert!(matches!(paused, OutboundError::Timeout), "{paused}");
    let garbled = broken("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").await;
    assert!(matches!(garbled, OutboundError::Protocol(_) | OutboundError::Terminated(_)), "{garbled}");
}

#[tokio::test]
async fn a_head_lasts_for_ever_or_fills_the_host() {
    let outside = OutgoingHttp::new(rebinding().0);
    let many: String = (0..200).map(|field| format!("x-{field}: y\r\n")).collect();
    let large = format!("x-large: {}\r\n", "y".repeat(100_000));
    for fields in [many, large] {
        let server = Server::start(format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).await;
        let url = format!("http://127.0.0.1:{}/", server.port);
        let answer = get(&outside, &url, terms("a", &[LOOPBACK])).await;
        assert!(matches!(answer, Err(OutboundError::Protocol(_))));
    }
    let silent = Server::start("HTTP/1.1 200 OK\r\n").await;
    let late = Terms { deadline: Instant::now() + Duration::from_millis(100), ..terms("a", &[LOOPBACK]) };
    let url = format!("http://127.0.0.1:{}/", silent.port);
    assert!(matches!(get(&outside, &url, late).await, Err(OutboundError::Timeout)));
}

#[tokio::test]
async fn a_name_server_that_never_answers_holds_a_request() {
    let never: Lookup = Arc::new(|_| Box::pin(std::future::pending()));
    let late = Terms { deadline: Instant::now() + Duration::from_millis(50), ..terms("a", &[]) };
    assert!(matches!(get(&OutgoingHttp::new(never), "http://slow.test/", late).await, Err(OutboundError::Timeout)));
}
